/** The names that policies cover, and which of them a policy covers: pure. */
import { StallingError } from '../api/errors.ts';
import type { TrustPolicySpecScope } from '../api/trust-policy.ts';
import { canonicalPlace, parseReference, repositoryOf } from '../registry/reference.ts';
import type { JudgementReason } from './reasons.ts';

/** The scope of a root policy: it covers every name. */
export const rootScope = '';

/**
 * The name of an image: `host[:port]/repository`, without tag and digest, the host as registryHost has it, so that no other way of
 * writing a name leads around its policy.
 * @throws StallingError `InvalidImage`
 */
export function nameOfImage(reference: string): string {
  return repositoryOf(parseReference(reference));
}

/** Ports that a URL of that scheme has when it names none. */
const ownPorts: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80', 'ssh:': '22', 'git:': '9418' };

/**
 * The name of a Git repository: `host[:port]/path` of its URL, without scheme, user, query, `.git` and slashes at the end. Takes the form of scp
 * (`git@host:path`) too. Percent-encoded letters are decoded, so that no other way of writing a path leads around its policy; letters' case counts.
 * @throws StallingError `InvalidURL`
 */
export function nameOfRepository(url: string): string {
  const parsed = URL.parse(scpAsURL(url.trim()));
  if (!parsed || parsed.host === '') {
    throw new StallingError(
      'InvalidURL' satisfies JudgementReason,
      `${JSON.stringify(withoutUser(url).slice(0, 256))} is not the URL of a repository`,
    );
  }
  const port = parsed.port === '' || parsed.port === ownPorts[parsed.protocol] ? '' : `:${parsed.port}`;
  const host = parsed.hostname.toLowerCase().replace(/\.$/, '');
  const segments = parsed.pathname.split('/').flatMap(segment => decoded(segment, url));
  const path = segments.join('/').replace(/\.git$/, '');
  return path === '' ? `${host}${port}` : `${host}${port}/${path}`;
}

/** What a policy covers: its prefix as names are written, or `rootScope`. */
export function scopeOf({ prefix }: TrustPolicySpecScope): string {
  if (prefix === undefined) return rootScope;
  return canonicalPlace(prefix);
}

/** Whether a scope covers a name: equal to it or to whole leading segments of it. `example.com/foo` never covers `example.com/foobar`. */
export function covers(scope: string, name: string): boolean {
  return scope === rootScope || name === scope || name.startsWith(`${scope}/`);
}

/** For people and the status. */
export function describeScope(scope: string): string {
  return scope === rootScope ? '(root)' : scope;
}

/** `[user@]host:path`, which is no URL, as one. */
function scpAsURL(text: string): string {
  const scp = /^(?:[^@/\s]+@)?(?<host>[^/:\s]+|\[[0-9a-fA-F:]+\]):(?!\/\/)(?<path>.+)$/.exec(text)?.groups;
  return scp ? `ssh://${scp['host']}/${scp['path']}` : text;
}

/** The segment as it is meant; none for an empty one. One that a server may take for several, or for a way up, is refused: it would be governed by another policy than what is fetched. */
function decoded(segment: string, url: string): string[] {
  if (segment === '') return [];
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    // No UTF-8, which is a name all the same.
    text = segment.replaceAll(/%2f/gi, '/').replaceAll(/%5c/gi, '\\');
    if (text === segment) return [segment];
  }
  // oxlint-disable-next-line no-control-regex -- such a name must not look like another.
  if (!/[/\\\u0000-\u001f\u007f]/.test(text) && text !== '.' && text !== '..') return [text];
  throw new StallingError(
    'InvalidURL' satisfies JudgementReason,
    `the path of ${JSON.stringify(withoutUser(url).slice(0, 256))} has an encoded slash, dot or control character, which servers read in different ways; write the path as it is`,
  );
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
