import { StallingError } from '../api/errors.ts';
import { isDigest } from './digest.ts';

/** An image name taken apart. With both tag and digest the digest decides. */
export interface Reference {
  /** Registry host with its port, as written. */
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
  return {
    host,
    repository:
      (host === 'docker.io' || host === 'index.docker.io') && !repository.includes('/') ? `library/${repository}` : repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
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
