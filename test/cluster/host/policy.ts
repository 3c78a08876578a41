/** The one thing that `--enforce-container-sigpolicy` adds in bootc: the policy's default must not be precisely "accept anything". */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** True when the first policy.json in bootc's order accepts everything by default. */
export function policyDefaultAccepts(root: string): boolean {
  const path = ['root/.config/containers/policy.json', 'etc/containers/policy.json', 'usr/share/containers/policy.json']
    .map(p => join(root, p))
    .find(existsSync);
  if (!path) return false;
  const policy = JSON.parse(readFileSync(path, 'utf8')) as { default?: { type?: string }[] };
  return policy.default?.length === 1 && policy.default[0]?.type === 'insecureAcceptAnything';
}
