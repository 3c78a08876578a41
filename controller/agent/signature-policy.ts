/**
 * What decides on the host which images are accepted, as bootc's own process finds it, and whether bootc is asked to insist on it. Signatures are checked by the host's
 * policy.json on every pull, flag or no flag; --enforce-container-sigpolicy adds one thing: it refuses when the policy's global default accepts everything. A host with the
 * distribution's default policy would refuse every image, so the flag is given only where the policy is stricter, where the image that runs came with a policy of ours, or where
 * it was installed with the flag: what was insisted on once is not given up silently.
 */
import { hostTrustPaths } from '../api/host-trust.ts';
import { listHostDirectory, readHostFile } from './host-file.ts';

/** bootc's order; with HOME=/root a stray file there wins. */
const policyPlaces = [
  '/root/.config/containers/policy.json',
  hostTrustPaths.policy,
  '/usr/share/containers/policy.json',
] as const;
/** One of them alone is read, the first that is there. */
const lookupPlaces = ['/root/.config/containers/registries.d', '/etc/containers/registries.d'] as const;

export interface PlacedText {
  path: string;
  text: string;
}

/** The files of the host that say what it accepts. */
export interface SignaturePolicy {
  /** The policy that counts. */
  policy?: PlacedText;
  /** What the image that runs says of the policy it came with. */
  marker?: string;
  /** The files that say where signatures are looked for. */
  lookups: readonly PlacedText[];
  /** Of the program that reads them, where that matters, as `1.17.0`. */
  skopeoVersion?: string;
  /** What kept them from being read; nothing else is known then. */
  trouble?: string;
}

/** Reads them. Throws whatever keeps one from being read: it is not taken for absent. */
export async function readSignaturePolicy(root: string): Promise<SignaturePolicy> {
  const [policy, marker, lookups] = await Promise.all([
    readPolicy(root),
    readHostFile(root, hostTrustPaths.marker),
    readLookups(root),
  ]);
  return { ...(policy ? { policy } : {}), ...(marker === undefined ? {} : { marker }), lookups };
}

async function readPolicy(root: string): Promise<PlacedText | undefined> {
  for (const path of policyPlaces) {
    const text = await readHostFile(root, path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

async function readLookups(root: string): Promise<PlacedText[]> {
  for (const directory of lookupPlaces) {
    const names = await listHostDirectory(root, directory);
    if (!names) continue;
    const paths = names.filter(name => name.endsWith('.yaml')).map(name => `${directory}/${name}`);
    const texts = await Promise.all(paths.map(async path => ({ path, text: await readHostFile(root, path) })));
    return texts.flatMap(({ path, text }) => (text === undefined ? [] : [{ path, text }]));
  }
  return [];
}

/** Whether the flag is given, by the booted image's signature mode and the host's policy. */
export function enforcesSignatures({ policy, marker }: SignaturePolicy, bootedSignature: string | undefined): boolean {
  if (bootedSignature === 'containerPolicy' || marker !== undefined) return true;
  return policy !== undefined && isStricter(policy.text);
}

/** Whether a policy's default is anything but "accept everything". A policy that is no JSON makes every pull fail by itself. */
export function isStricter(policy: string): boolean {
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    // containers/image rejects the whole file, and says so in better words than ours.
    return false;
  }
  const rules = (parsed as { default?: unknown } | null)?.default;
  if (!Array.isArray(rules) || rules.length === 0) return false;
  return !rules.some(rule => (rule as { type?: unknown } | null)?.type === 'insecureAcceptAnything');
}
