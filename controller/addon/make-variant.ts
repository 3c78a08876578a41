/** Makes the artifact of one variant: what it is made of comes into a directory of its own, an image is made there, pushed, and read back. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddonArchitecture } from '../api/addon-artifact.ts';
import { TransientError, messageOf } from '../api/errors.ts';
import type { SystemAddonSpecVariant } from '../api/system-addon.ts';
import type { Workspace, Workspaces } from '../build/workspace.ts';
import type { Placement } from '../definition/image-tree.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import type { MakeVariant } from './dependencies.ts';
import { downloadLayers } from './layer-files.ts';
import { type AddonEntry, type AddonSource, makeAddonImage } from './make-image.ts';
import { readImageOver } from './over-base.ts';
import { pushAddonImage, readAddonArtifact } from './push-image.ts';
import type { AddonReason } from './reasons.ts';
import type { SourceContent } from './resolve-source.ts';
import { type SourceImage, readSourceImage } from './source-image.ts';

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
    const entries = ((await content.read?.()) ?? []).map(entryOf);
    const image = content.kind === 'Image' ? await imageOf(registry, content, variant, auth) : undefined;
    signal.throwIfAborted();
    const workspace = await openWorkspace(workspaces);
    const directory = async (of: string): Promise<string> => {
      const path = join(workspace.path, of);
      await mkdir(path);
      return path;
    };
    try {
      let source: AddonSource = { kind: 'entries', entries };
      if (content.kind === 'Image' && image) {
        progress('download');
        const layers = await downloadLayers(registry, image, await directory('layers'), auth, signal);
        const { path, ignore, over } = content;
        source = { kind: 'layers', layers, path, ignore, overBase: over !== undefined, entries };
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

function imageOf(
  registry: Registry,
  { image, over }: Extract<SourceContent, { kind: 'Image' }>,
  variant: SystemAddonSpecVariant,
  auth: DockerConfig | undefined,
): Promise<SourceImage> {
  if (over === undefined) return readSourceImage(registry, image, variant.platform, auth);
  return readImageOver(registry, { image, base: over, variant }, auth);
}

function entryOf({ path, content }: Placement): AddonEntry {
  return 'link' in content ? { path, target: content.link } : { path, mode: content.mode, bytes: content.bytes };
}
