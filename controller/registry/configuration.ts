/** How registries are reached: the file `registries.yaml`, parsed and checked. Nothing is read here. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { parseDocument } from 'yaml';
import { StallingError } from '../api/errors.ts';
import { canonicalPlace, isPlace } from './reference.ts';

/** PEM texts of a Secret: `ca.crt`, `tls.crt` and `tls.key`. */
export interface Certificates {
  ca?: string;
  cert?: string;
  key?: string;
}

/** How one host is spoken to. */
export interface Access extends Certificates {
  plainHTTP: boolean;
  /** The Secret that `cert`, `key` and part of `ca` came from. */
  certSecret?: string;
}

/** A place that holds copies of what is below a prefix. */
export interface Mirror extends Access {
  /** `host[/path]` in place of the prefix. */
  location: string;
  /** Whether it may say what a tag means. Without it, it is asked only for what a digest proves. */
  tags: boolean;
}

export interface RegistryEntry extends Access {
  /** `host[/path]`. */
  prefix: string;
  /** In the order in which they are asked, all before the registry itself. */
  mirrors: readonly Mirror[];
}

export interface RegistriesConfiguration {
  readonly registries: readonly RegistryEntry[];
}

export const emptyConfiguration: RegistriesConfiguration = { registries: [] };

/** The certificates of a Secret, undefined when there is no such Secret. */
export type CertificatesOf = (secretName: string) => Certificates | undefined;

/**
 * Parses `registries.yaml`.
 * @throws StallingError `InvalidRegistries` that lists every problem by its path, as `registries[1].mirrors[0].location`; no key is ever quoted.
 */
export function parseRegistries(text: string, certificates: CertificatesOf): RegistriesConfiguration {
  const problems: string[] = [];
  const root = new Fields(decode(text), '', problems);
  root.only('registries');
  const registries = root.list('registries').map(fields => entryOf(fields, certificates));
  const seen = new Map<string, number>();
  for (const [i, { prefix }] of registries.entries()) {
    const first = seen.get(prefix);
    if (first !== undefined) problems.push(`registries[${i}].prefix: ${prefix} is that of registries[${first}] too`);
    else seen.set(prefix, i);
  }
  if (problems.length > 0) throw invalid(problems.slice(0, 10).join('; '));
  return { registries };
}

/** The names of the Secrets that a text refers to, whether or not the rest of it is right: what must be read before it can be parsed. */
export function certificateSecrets(text: string): string[] {
  const root = new Fields(decode(text), '', []);
  const accesses = root.list('registries').flatMap(entry => [entry, ...entry.list('mirrors')]);
  const names = accesses.map(access => access.object('certSecretRef')?.text('name') ?? '');
  return [...new Set(names.filter(name => name !== ''))];
}

/** The entry whose prefix is the longest path prefix of `host[/repository]`. */
export function entryFor(configuration: RegistriesConfiguration, name: string): RegistryEntry | undefined {
  const wanted = canonicalPlace(name);
  const fits = configuration.registries.filter(({ prefix }) => wanted === prefix || wanted.startsWith(`${prefix}/`));
  return fits.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** Where a mirror keeps what `host/repository` names. */
export function mirrored(entry: RegistryEntry, mirror: Mirror, name: string): string {
  return `${mirror.location}${canonicalPlace(name).slice(entry.prefix.length)}`;
}

function decode(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [error] = document.errors;
  // The message quotes lines of the text, and a text with the wrong indentation may have a key in them.
  if (error) throw invalid(`line ${error.linePos?.[0].line ?? 1}: it is no YAML (${error.code})`);
  const value: unknown = document.toJS({ maxAliasCount: 0 }) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('it is no mapping');
  return value;
}

function entryOf(fields: Fields, certificates: CertificatesOf): RegistryEntry {
  fields.only('prefix', 'plainHTTP', 'ca', 'certSecretRef', 'mirrors');
  const prefix = canonicalPlace(fields.place('prefix'));
  const mirrors = fields.list('mirrors').map(mirror => {
    mirror.only('location', 'plainHTTP', 'ca', 'certSecretRef', 'tags');
    const location = mirror.place('location');
    // What is left of the very repository that the prefix names would be a host alone.
    if (prefix.includes('/') && location !== '' && !location.includes('/'))
      mirror.problem('location', 'needs a path, as the prefix has one');
    return { location, tags: mirror.flag('tags'), ...accessOf(mirror, certificates) };
  });
  return { prefix, mirrors, ...accessOf(fields, certificates) };
}

function accessOf(fields: Fields, certificates: CertificatesOf): Access {
  const plainHTTP = fields.flag('plainHTTP');
  const own = fields.text('ca');
  if (own !== undefined) fields.check('ca', () => new X509Certificate(own), 'no PEM certificate');
  const reference = fields.object('certSecretRef');
  reference?.only('name');
  const certSecret = reference?.text('name');
  if (reference && !certSecret) reference.problem('name', 'is missing');
  const { ca: theirs, cert, key } = certSecret ? secretOf(fields, certSecret, certificates) : {};
  if (plainHTTP && (own !== undefined || certSecret !== undefined))
    fields.problem('plainHTTP', 'certificates mean nothing over plain http');
  const ca = [own, theirs].filter(pem => pem !== undefined).join('\n');
  return {
    plainHTTP,
    ...(ca === '' ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(certSecret === undefined ? {} : { certSecret }),
  };
}

function secretOf(fields: Fields, name: string, certificates: CertificatesOf): Certificates {
  const found = certificates(name);
  const field = 'certSecretRef.name';
  if (!found) {
    fields.problem(field, `there is no Secret ${JSON.stringify(name)}`);
    return {};
  }
  const { ca, cert, key } = found;
  if (ca === undefined && cert === undefined && key === undefined) {
    fields.problem(field, `Secret ${JSON.stringify(name)} has neither ca.crt nor tls.crt and tls.key`);
  }
  if ((cert === undefined) !== (key === undefined))
    fields.problem(field, `Secret ${JSON.stringify(name)} needs both tls.crt and tls.key`);
  if (ca !== undefined) fields.check(field, () => new X509Certificate(ca), `ca.crt of Secret ${name} is no PEM certificate`);
  if (cert !== undefined) fields.check(field, () => new X509Certificate(cert), `tls.crt of Secret ${name} is no PEM certificate`);
  if (key !== undefined) fields.check(field, () => createPrivateKey(key), `tls.key of Secret ${name} is no PEM private key`);
  return found;
}

/** The fields of one mapping, which knows where it stands and takes note of what is wrong. */
class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: string[];

  constructor(value: unknown, path: string, problems: string[]) {
    this.#path = path;
    this.#problems = problems;
    const mapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#values = mapping ? { ...value } : {};
    if (!mapping) problems.push(`${path} is no mapping`);
  }

  problem(field: string, what: string): void {
    this.#problems.push(`${this.#at(field)}: ${what}`);
  }

  only(...known: string[]): void {
    for (const field of Object.keys(this.#values)) if (!known.includes(field)) this.problem(field, 'is not known');
  }

  text(field: string): string | undefined {
    const value = this.#values[field];
    if (value === undefined || typeof value === 'string') return value;
    this.problem(field, 'is no text');
    return undefined;
  }

  flag(field: string): boolean {
    const value = this.#values[field] ?? false;
    if (typeof value !== 'boolean') this.problem(field, 'is neither true nor false');
    return value === true;
  }

  place(field: string): string {
    const value = this.text(field) ?? '';
    if (isPlace(value)) return value;
    this.problem(field, value === '' ? 'is missing' : `${JSON.stringify(value.slice(0, 100))} is not host[:port][/path]`);
    return value;
  }

  object(field: string): Fields | undefined {
    const value = this.#values[field];
    return value === undefined ? undefined : new Fields(value, this.#at(field), this.#problems);
  }

  list(field: string): Fields[] {
    const value = this.#values[field] ?? [];
    if (!Array.isArray(value)) {
      this.problem(field, 'is no list');
      return [];
    }
    return value.map((each: unknown, i) => new Fields(each, `${this.#at(field)}[${i}]`, this.#problems));
  }

  check(field: string, test: () => unknown, what: string): void {
    try {
      test();
    } catch {
      // The parser's message may quote the text, which may be a key.
      this.problem(field, what);
    }
  }

  #at(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`;
  }
}

function invalid(what: string): StallingError {
  return new StallingError('InvalidRegistries', `registries.yaml: ${what}`);
}
