/** Programs that read policies as a host's bootc and podman do, with the library of these: one of the newest hosts, one of the first, and skopeo. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { HostFile } from '../../controller/api/host-trust.ts';
import { findServer } from '../tools/server-binaries.mjs';
import { programPath } from './program-root.ts';

const run = promisify(execFile);

const programs = ['host-policy', 'host-policy-oldest'] as const;

export interface HostProgram {
  name: (typeof programs)[number];
  /** Undefined where it could not be built, which is an error with CI set. */
  program: string | undefined;
  /** Lists of keys in a policy: containers/image 5.33. */
  knowsKeyLists: boolean;
}

export function hostPrograms(): HostProgram[] {
  return programs.map(name => {
    const program = findServer(name);
    if (program === undefined && process.env['CI']) throw new Error(`${name} is not built, and CI must run these tests`);
    return { name, program, knowsKeyLists: name === 'host-policy' };
  });
}

/** skopeo of this machine; undefined where there is none. Debian's refuses every signature of sigstore ("Debian-local change"). */
export function installedSkopeo(): string | undefined {
  const program = programPath('skopeo');
  if (program === undefined && process.env['CI']) throw new Error('skopeo is not installed, and CI must run these tests');
  return program;
}

/** A host as far as its policy goes, and where it looks for signatures. */
export class PullingHost {
  readonly #root: string;

  constructor(root: string, files: readonly HostFile[]) {
    this.#root = root;
    mkdirSync(join(root, 'etc/containers/registries.d'), { recursive: true });
    for (const { path, mode, content } of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content, { mode });
    }
  }

  get policy(): string {
    return join(this.#root, 'etc/containers/policy.json');
  }

  get lookups(): string {
    return join(this.#root, 'etc/containers/registries.d');
  }

  /** What a program says of an image, as bootc judges it: what the reference names. With `platform`, as podman does. Undefined where it is accepted. */
  refusal({ program = '' }: HostProgram, image: string, o: { platform?: boolean } = {}): Promise<string | undefined> {
    return this.#refusal(program, [...(o.platform ? ['--platform'] : []), this.policy, this.lookups, image]);
  }

  /** What skopeo says of a copy between two places, as `oci:/path`; undefined where it has made it. */
  copyRefusal(skopeo: string, from: string, to: string): Promise<string | undefined> {
    const policy = ['--policy', this.policy, '--registries.d', this.lookups];
    return this.#refusal(skopeo, [...policy, 'copy', '--quiet', '--src-tls-verify=false', from, to]);
  }

  async #refusal(program: string, args: readonly string[]): Promise<string | undefined> {
    try {
      // A stray configuration of whoever runs the tests is none of the host's.
      await run(program, args, { env: { PATH: process.env['PATH'] ?? '', HOME: this.#root } });
      return undefined;
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      if (stderr === undefined) throw error;
      return stderr.trim();
    }
  }
}
