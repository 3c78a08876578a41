import { StallingError } from '../api/errors.ts';
import { isDigest } from './digest.ts';

/** An image name taken apart. With both tag and digest the digest decides. */
export interface Reference {
  /** Registry host with its port, as registryHost has it. */
  host: string;
  /** Repository below the host, as `team/image`. */
  repository: string;
  tag?: string;
  /** `sha256:<64 hex>`. */
  digest?: string;
}

// The grammar of the distribution specification ("Pulling manifests") with the host required: a name without one means
// something else on every machine.
const host = '[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?|\\[[0-9a-fA-F:]+\\](?::[0-9]{1,5})?';
const path = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*';
const pattern = new RegExp(
  `^(?<host>${host})/(?<repository>${path})(?::(?<tag>[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}))?(?:@(?<digest>[^@]+))?$`,
);
const place = new RegExp(`^(?:${host})(?:/${path})?$`);

/**
 * Takes `host/repository[:tag][@sha256:…]` apart.
 * @throws StallingError `InvalidImage` when the text is no such name: only a person can correct it.
 */
export function parseReference(text: string): Reference {
  const groups = pattern.exec(text)?.groups;
  const host = groups?.['host'];
  const repository = groups?.['repository'];
  const digest = groups?.['digest'];
  const tag = groups?.['tag'];
  if (!host || !repository || text.length > 1024) {
    throw new StallingError('InvalidImage', `${JSON.stringify(text.slice(0, 256))} is not host/repository[:tag][@sha256:...]`);
  }
  if (digest !== undefined && !isDigest(digest)) {
    throw new StallingError('InvalidImage', `${JSON.stringify(text.slice(0, 256))}: only sha256 digests are supported`);
  }
  if (/:0[0-9]*$/.test(host)) {
    throw new StallingError('InvalidImage', `${JSON.stringify(text.slice(0, 256))}: a port is written without zeros before it`);
  }
  const known = registryHost(host);
  return {
    host: known,
    repository: known === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * The one way to write a registry's host and port: as URLs have it (in lower case, addresses in their shortest form, without https's own port), and all names of
 * Docker Hub as docker.io. What is decided by a name (who signs it, with which credentials it is pulled) is decided alike however it was written, here and on hosts, whose
 * containers/image compares letters.
 */
export function registryHost(host: string): string {
  // Of what is no name of a host a URL may make another one.
  const url = /^[a-zA-Z0-9.:[\]-]+$/.test(host) ? URL.parse(`https://${host}`) : null;
  const bare = url?.host ?? host.toLowerCase().replace(/:443$/, '');
  return bare === 'index.docker.io' || bare === 'registry-1.docker.io' ? 'docker.io' : bare;
}

/** `host[:port][/path]` with its host as registryHost has it. */
export function canonicalPlace(place: string): string {
  const slash = place.indexOf('/');
  return slash < 0 ? registryHost(place) : `${registryHost(place.slice(0, slash))}${place.slice(slash)}`;
}

/** `host/repository` without tag and digest. */
export function repositoryOf(reference: Reference): string {
  return `${reference.host}/${reference.repository}`;
}

/** Whether a text is `host[:port][/path]`: a registry, or the beginning of repositories in it. */
export function isPlace(text: string): boolean {
  return text.length <= 255 && place.test(text);
}

/** The inverse of parseReference. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${repositoryOf(reference)}${tag}${digest}`;
}
