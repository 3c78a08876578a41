/** The real cosign, without any network but the registry and the services that a test starts. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findServer } from '../tools/server-binaries.mjs';
import type { TestKey } from './corpus/keys.ts';
import type { SigstoreServices } from './sigstore-services.ts';

/** For tests that need it. Where CI is set it must be there. */
export const skipWithoutCosign =
  findServer('cosign') === undefined && process.env['CI'] === undefined && 'needs cosign: node test/tools/setup.mjs';

export const password = 'correct horse';

/** The form of cosign 1 and 2, or that of cosign 3. */
export type CosignForm = 'signature' | 'bundle';

const common = ['--yes', '--allow-http-registry'];
const olderForm = [...common, '--new-bundle-format=false', '--use-signing-config=false'];
/** Services that are asked for nothing. */
const noServices = {
  mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
  caUrls: [],
  oidcUrls: [],
  rekorTlogUrls: [],
  rekorTlogConfig: { selector: 'ANY' },
  tsaUrls: [],
  tsaConfig: { selector: 'ANY' },
};

export interface CosignResult {
  code: number;
  /** Standard output and error. */
  output: string;
}

/** A directory with keys, and cosign run in it. */
export class Cosign {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, 'home'), { recursive: true });
  }

  /** Runs a command; never throws for what cosign refuses. */
  tried(...args: readonly string[]): Promise<CosignResult> {
    const program = findServer('cosign');
    if (program === undefined) throw new Error('cosign is not on this machine: run `node test/tools/setup.mjs`');
    const home = join(this.directory, 'home');
    const env = {
      PATH: process.env['PATH'],
      HOME: home,
      COSIGN_PASSWORD: password,
      // Whatever tries to reach the internet fails at once.
      HTTPS_PROXY: 'http://127.0.0.1:9',
      TUF_ROOT: join(home, 'tuf'),
      SIGSTORE_NO_CACHE: 'true',
    };
    return new Promise(resolve => {
      execFile(program, args, { cwd: this.directory, env, timeout: 120_000 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  /**
   * Runs a command that must succeed.
   * @throws Error with what it said
   */
  async run(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.tried(...args);
    if (code !== 0) throw new Error(`cosign ${args.join(' ')} ended with ${code}:\n${output}`);
    return output;
  }

  /** What `sign` and `attest` are told, to ask nobody but the registry. */
  offline(form: CosignForm): string[] {
    if (form === 'signature') return [...olderForm, '--tlog-upload=false'];
    return [...common, '--signing-config', this.file('offline.json', JSON.stringify(noServices))];
  }

  /** What `sign` and `attest` are told, to ask these services: for certificates, for entries of the log, and where wanted for timestamps. */
  services(form: CosignForm, services: SigstoreServices, { timestamps = false } = {}): string[] {
    const { url, timestampURL } = services;
    const root = ['--trusted-root', this.file('trusted_root.json', services.trustedRoot)];
    if (form === 'signature') {
      const stamped = timestamps ? ['--timestamp-server-url', timestampURL] : [];
      return [...olderForm, ...root, '--fulcio-url', url, '--rekor-url', url, ...stamped];
    }
    return [...common, ...root, '--signing-config', this.file('services.json', services.signingConfig({ timestamps }))];
  }

  /** Writes a file into the directory; returns its path. */
  file(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** Takes a key over as `NAME.key` and `NAME.pub`, encrypted as cosign encrypts its own. */
  async importKey(name: string, key: TestKey): Promise<{ key: string; pub: string }> {
    const type = key.kind.startsWith('RSA') ? 'pkcs1' : key.kind === 'Ed25519' ? 'pkcs8' : 'sec1';
    // cosign takes no other of these forms for a kind of key.
    const pem = key.privateKey.export(
      type === 'sec1' ? { type, format: 'pem' } : { type: type === 'pkcs1' ? 'pkcs1' : 'pkcs8', format: 'pem' },
    );
    const plain = this.file(`${name}.pem`, pem.toString());
    await this.run('import-key-pair', '--key', plain, '--output-key-prefix', name);
    return { key: join(this.directory, `${name}.key`), pub: join(this.directory, `${name}.pub`) };
  }
}
