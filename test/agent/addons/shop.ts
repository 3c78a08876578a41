/** A real registry with addons in it, and hosts' stores that are filled from it. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RegistryAccess, WantedAddon } from '../../../controller/agent/addons/prepare.ts';
import { AddonStore } from '../../../controller/agent/addons/store.ts';
import { addonMediaTypes } from '../../../controller/api/addon-artifact.ts';
import { createRegistry } from '../../../controller/registry/client.ts';
import { parseDockerConfig } from '../../../controller/registry/credentials.ts';
import { sha256 } from '../../../controller/registry/digest.ts';
import { mediaTypes } from '../../../controller/registry/media-types.ts';
import type { Registry } from '../../../controller/registry/registry.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { registryCredentials, startRegistry } from '../../cluster/registry.ts';
import type { RegistryOptions, RegistryServer } from '../../cluster/registry.ts';

export interface Shop {
  server: RegistryServer;
  registry: Registry;
  access: RegistryAccess;
  /** Puts an addon of these bytes into the registry, as the controller does; `config` replaces fields of its configuration. */
  sell(name: string, raw: Uint8Array, config?: Record<string, unknown>): Promise<WantedAddon>;
  stop(): Promise<void>;
}

export async function openShop(options: RegistryOptions = {}): Promise<Shop> {
  const server = await startRegistry(options);
  const registry = createRegistry({
    insecureHosts: new Set([server.host]),
    userAgent: 'scantling-test',
    retry: { tries: 2, baseMs: 1, maxWaitMs: 20 },
  });
  const auth = options.auth === undefined ? undefined : authOf(server.host);
  const repository = `${server.host}/addons`;
  return {
    server,
    registry,
    access: { registry, auth },
    async sell(name, raw, more = {}) {
      const image = { digest: await registry.pushBlob(repository, raw, auth), size: raw.length };
      const match = { id: 'debian', versionId: '12' };
      const fields = { name, match, architecture: 'x86-64', image, services: [], requires: {}, ...more };
      const config = Buffer.from(JSON.stringify(fields));
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        artifactType: addonMediaTypes.artifact,
        config: {
          mediaType: addonMediaTypes.config,
          digest: await registry.pushBlob(repository, config, auth),
          size: config.length,
        },
        layers: [{ mediaType: addonMediaTypes.image, ...image }],
      };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes }, auth);
      return { name, image: `${repository}@${digest}`, ...image };
    },
    async stop() {
      await registry.close();
      await server.stop();
    },
  };
}

function authOf(host: string): NonNullable<RegistryAccess['auth']> {
  const { username, password } = registryCredentials;
  return parseDockerConfig(JSON.stringify({ auths: { [host]: { username, password } } }));
}

/** A store on a host of its own. */
export function openStore(after: (remove: () => void) => void): { store: AddonStore; root: string } {
  const root = temporaryDirectory('addons');
  after(() => removeDirectory(root));
  // As every distribution has one: without it addons are refused, as every pull is.
  const policy = join(root, 'usr/share/containers/policy.json');
  mkdirSync(dirname(policy), { recursive: true });
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  return { store: new AddonStore(root), root };
}

/** Bytes that are no erofs image. */
export function bytesOf(size: number): { name: string; bytes: Buffer; digest: string; size: number } {
  const bytes = randomBytes(size);
  return { name: 'runtime', bytes, digest: sha256(bytes), size };
}

export const debian12 = 'ID=debian\nVERSION_ID="12"\n';

/** Whether mkfs.erofs is on this machine. */
export const hasMkfs = (() => {
  try {
    execFileSync('mkfs.erofs', ['--help'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
})();

/** An erofs image of these files, by erofs-utils. */
export function erofsOf(files: Record<string, string | Buffer>, flags: readonly string[] = []): Buffer {
  const directory = temporaryDirectory('erofs');
  try {
    for (const [path, text] of Object.entries(files)) {
      const to = join(directory, 'tree', path);
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, text);
    }
    execFileSync('mkfs.erofs', ['-T0', ...flags, join(directory, 'raw'), join(directory, 'tree')], { stdio: 'ignore' });
    return readFileSync(join(directory, 'raw'));
  } finally {
    removeDirectory(directory);
  }
}

/** An addon for Debian 12. */
export function addonOf(name: string, files: Record<string, string | Buffer> = {}, release = debian12): Buffer {
  return erofsOf({ [`usr/lib/extension-release.d/extension-release.${name}`]: release, ...files });
}
