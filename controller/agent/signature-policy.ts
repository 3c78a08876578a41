/**
 * Whether bootc is asked to insist on signatures. Signatures are checked by the host's policy.json on every pull, flag or no flag;
 * --enforce-container-sigpolicy adds one thing: it refuses when the policy's global default accepts everything. A host with the
 * distribution's default policy would refuse every image, so the flag is given only where the policy is stricter, or where the
 * booted image was installed with it: what was insisted on once is not given up silently.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** bootc's order; with HOME=/root a stray file there wins. */
const places = ['root/.config/containers/policy.json', 'etc/containers/policy.json', 'usr/share/containers/policy.json'];

/** Whether the flag is given, by the booted image's signature mode and the host's policy. */
export async function enforcesSignatures(root: string, bootedSignature: string | undefined): Promise<boolean> {
  if (bootedSignature === 'containerPolicy') return true;
  for (const place of places) {
    try {
      return isStricter(await readFile(join(root, place), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return false;
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
