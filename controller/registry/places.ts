import { emptyConfiguration, entryFor, mirrored } from './configuration.ts';
import type { Access, Certificates, RegistriesConfiguration } from './configuration.ts';
import { credentialsFor } from './credentials.ts';
import type { Credentials, DockerConfig } from './credentials.ts';
import { parseReference, registryHost, repositoryOf } from './reference.ts';

/** Where a call goes, and with what: a repository on a registry, or its copy on a mirror. */
export interface Place {
  /** `host/repository`, for messages. */
  name: string;
  host: string;
  repository: string;
  origin: string;
  access: Access;
  credentials: Credentials | undefined;
  reach: Reach;
}

/** The rules by which hosts are reached, as they were configured at one moment. */
export class Reach {
  readonly #configuration: RegistriesConfiguration;
  readonly #insecureHosts: ReadonlySet<string>;
  readonly #plainOrigins: ReadonlySet<string>;

  constructor(configuration: RegistriesConfiguration, insecureHosts: ReadonlySet<string>) {
    this.#configuration = configuration;
    this.#insecureHosts = new Set([...insecureHosts].map(registryHost));
    const plain = configuration.registries.flatMap(entry => [
      ...(entry.plainHTTP ? [entry.prefix] : []),
      ...entry.mirrors.flatMap(mirror => (mirror.plainHTTP ? [mirror.location] : [])),
    ]);
    const hosts = [...insecureHosts, ...plain.map(name => name.split('/')[0] ?? name)];
    this.#plainOrigins = new Set(hosts.map(host => new URL(`http://${host}`).origin));
  }

  /** The registry's own place. Everything is pushed there, and what may change is asked there. */
  place(name: string, auth: DockerConfig | undefined): Place {
    return this.#placeOf(name, entryFor(this.#configuration, repositoryOf(parseReference(name))) ?? { plainHTTP: false }, auth);
  }

  /** The mirrors of a repository in their order; those that may not say what a tag means only for what a digest proves. */
  mirrors(name: string, auth: DockerConfig | undefined, o: { byDigest: boolean }): Place[] {
    const repository = repositoryOf(parseReference(name));
    const entry = entryFor(this.#configuration, repository);
    if (!entry) return [];
    return entry.mirrors
      .filter(mirror => o.byDigest || mirror.tags)
      .map(mirror => this.#placeOf(mirrored(entry, mirror, repository), mirror, auth));
  }

  /** Whether plain http may be spoken to the host of this URL. */
  allowsPlain(url: URL): boolean {
    return this.#plainOrigins.has(url.origin);
  }

  /**
   * The certificates for a URL that a place led to: a redirect, or its token server. What is configured for that host counts; else the
   * authorities of the place are trusted there too, as one organisation has one, but its client certificate is shown to nobody else.
   */
  certificatesFor(url: URL, place: Place): Certificates {
    if (url.origin === place.origin) return place.access;
    const entry = entryFor(this.#configuration, url.host);
    return entry ?? authoritiesOf(place.access);
  }

  #placeOf(name: string, access: Access, auth: DockerConfig | undefined): Place {
    const reference = parseReference(name);
    const { host, repository } = reference;
    const plain = access.plainHTTP || this.#insecureHosts.has(host);
    // Docker Hub's images are named docker.io and served elsewhere.
    const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
    const { origin } = new URL(`${plain ? 'http' : 'https'}://${server}`);
    const credentials = credentialsFor(auth, `${host}/${repository}`);
    return { name: repositoryOf(reference), host, repository, origin, access, credentials, reach: this };
  }
}

/** One object per set of authorities, so that connections find theirs by it. */
const authorities = new WeakMap<Access, Certificates>();

function authoritiesOf(access: Access): Certificates {
  const present = authorities.get(access);
  if (present) return present;
  const made = access.ca === undefined ? {} : { ca: access.ca };
  authorities.set(access, made);
  return made;
}

/** Gives the rules that hold now; the same object while the configuration is the same. */
export class Places {
  readonly #configuration: (() => RegistriesConfiguration | Promise<RegistriesConfiguration>) | undefined;
  readonly #insecureHosts: ReadonlySet<string>;
  #last: { configuration: RegistriesConfiguration; hosts: number; reach: Reach } | undefined;

  constructor(options: {
    configuration?: (() => RegistriesConfiguration | Promise<RegistriesConfiguration>) | undefined;
    insecureHosts?: ReadonlySet<string> | undefined;
  }) {
    this.#configuration = options.configuration;
    this.#insecureHosts = options.insecureHosts ?? new Set();
  }

  async reach(): Promise<Reach> {
    const configuration = (await this.#configuration?.()) ?? emptyConfiguration;
    const hosts = this.#insecureHosts.size;
    if (this.#last?.configuration !== configuration || this.#last.hosts !== hosts) {
      this.#last = { configuration, hosts, reach: new Reach(configuration, this.#insecureHosts) };
    }
    return this.#last.reach;
  }
}
