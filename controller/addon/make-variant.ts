/** Makes the artifact of one variant: what it is made of comes into a directory of its own, an image is made there, pushed, and read back. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddonArchitecture } from '../api/addon-artifact.ts';
import { TransientError, messageOf } from '../api/errors.ts';
import type { SystemAddonSpecVariant } from '../api/system-addon.ts';
import type { Workspace, Workspaces } from '../build/workspace.ts';
import type { Placement } from '../definition/image-tree.ts';
import type { Registry } from '../registry/registry.ts';
import type { MakeVariant } from './dependencies.ts';
import { downloadLayers } from './layer-files.ts';
import { type AddonEntry, type AddonSource, makeAddonImage } from './make-image.ts';
import { pushAddonImage, readAddonArtifact } from './push-image.ts';
import type { AddonReason } from './reasons.ts';
import { readSourceImage } from './source-image.ts';

export interface MakerOptions {
  registry: Registry;
  /** Directories for what is downloaded and made. */
  workspaces: Workspaces;
}

export function createMakeVariant({ registry, workspaces }: MakerOptions): MakeVariant {
  return async ({ addon, variant, content }, { auth, signal, log }) => {
    const { name } = addon.metadata;
    const { output, allowSetuid, services = [], requires = {} } = addon.spec;
    const progress = (step: string): void => log.debug({ addon: name, step }, 'making an addon');
    // Who may not push is told so before anything is downloaded.
    await registry.checkPush(output.repository, auth);
    const placements = content.kind === 'Placed' ? await content.read() : [];
    const image = content.kind === 'Image' ? await readSourceImage(registry, content.image, variant.platform, auth) : undefined;
    signal.throwIfAborted();
    const workspace = await openWorkspace(workspaces);
    const directory = async (of: string): Promise<string> => {
      const path = join(workspace.path, of);
      await mkdir(path);
      return path;
    };
    try {
      let source: AddonSource = { kind: 'entries', entries: placements.map(entryOf) };
      if (image) {
        progress('download');
        const layers = await downloadLayers(registry, image, await directory('layers'), auth, signal);
        source = { kind: 'layers', layers, ...pathsOf(variant) };
      }
      const { id, versionId, sysextLevel } = variant.os;
      const identity = { name, match: { id, versionId, sysextLevel }, architecture: architectures[variant.platform] };
      const request = { ...identity, allowSetuid, source, directory: await directory('image') };
      const made = await makeAddonImage(request, { signal, progress });
      signal.throwIfAborted();
      progress('push');
      const to = { repository: output.repository, ...(auth ? { auth } : {}) };
      const pushed = await pushAddonImage(registry, to, { ...identity, services, requires, ...made });
      const { config } = await readAddonArtifact(registry, pushed.reference, auth);
      if (config.name !== name || config.image.digest !== pushed.image.digest) {
        const reason: AddonReason = 'ImageFailed';
        throw new TransientError(reason, `${pushed.reference} is not what was pushed when it is read back; it is made again`);
      }
      const { digest, size } = pushed.image;
      return { image: pushed.reference, digest, size, sentBytes: pushed.sentBytes };
    } finally {
      await workspace.remove();
    }
  };
}

async function openWorkspace(workspaces: Workspaces): Promise<Workspace> {
  try {
    return await workspaces.open();
  } catch (error) {
    throw new TransientError('ImageFailed' satisfies AddonReason, messageOf(error), { cause: error });
  }
}

const architectures: Readonly<Record<SystemAddonSpecVariant['platform'], AddonArchitecture>> = {
  'linux/amd64': 'x86-64',
  'linux/arm64': 'arm64',
  _any: '_any',
};

function pathsOf({ source }: SystemAddonSpecVariant): { path?: string; ignore?: readonly string[] } {
  const { path, ignore } = source.image ?? {};
  return { ...(path === undefined ? {} : { path }), ...(ignore === undefined ? {} : { ignore }) };
}

function entryOf({ path, content }: Placement): AddonEntry {
  return 'link' in content ? { path, target: content.link } : { path, mode: content.mode, bytes: content.bytes };
}
