/** `scantling addon build DIR|IMAGE`: the image of an addon on this machine, byte for byte as the controller makes it. */
import { constants, createReadStream } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseFileList } from '../addon/file-list.ts';
import { downloadLayers, type LayerFile } from '../addon/layer-files.ts';
import { makeAddonImage, type AddonImage } from '../addon/make-image.ts';
import { ContentRefusedError } from '../addon/refusal-list.ts';
import { readSourceImage } from '../addon/source-image.ts';
import { requireAddonName } from '../addon/torcx/archive-name.ts';
import { architectureOf } from '../addon/variant.ts';
import { UsageError } from '../command-line.ts';
import { createRegistry } from '../registry/client.ts';
import { mediaTypes } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Invocation } from '../running.ts';
import { userAgent } from '../version.ts';
import { buildText, type AddonBuild } from './addon-build-document.ts';
import { entriesOf } from './addon-directory.ts';
import { writeLayer } from './addon-layer.ts';
import { osOf, platformOf } from './addon-words.ts';
import { print, reportFormatOf } from './output.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';

/** Exit code 0, or 1 when the addon cannot have what is in it; each path says why. Throws UsageError. */
export async function addonBuild(invocation: Invocation): Promise<number> {
  const { config, stdout, signal } = invocation;
  const format = reportFormatOf(config.format);
  const [from = ''] = invocation.positionals;
  const platform = platformOf(config['addon-platform']);
  const os = osOf(config['addon-os']);
  const to = config['raw-output'];
  if (config['addon-name'] === '') throw new UsageError('--name is missing: the name of the addon, which systemd compares');
  const name = requireAddonName(config['addon-name']);
  if (to === '') throw new UsageError(`--output is missing: the file to write, as ${name}.raw`);
  if (await isThere(to)) throw new UsageError(`${to} is there already`);
  const said = { kind: 'AddonBuild' as const, version: 1 as const, name, platform, os };
  const directory = await mkdtemp(join(tmpdir(), 'scantling-addon-'));
  try {
    const work = { invocation, from, platform, directory };
    const layers = (await isDirectory(from)) ? await layerOf(work) : await layersOf(work);
    const image = join(directory, 'image');
    await mkdir(image);
    const made = await makeAddonImage(
      {
        name,
        match: os,
        architecture: architectureOf(platform) ?? '_any',
        allowSetuid: config['allow-setuid'],
        source: { kind: 'layers', layers, ...(config.ignore.length === 0 ? {} : { ignore: config.ignore }) },
        directory: image,
      },
      { signal },
    );
    await copyFile(made.file, to, constants.COPYFILE_EXCL);
    const { digest, size } = made.image;
    const document: AddonBuild = {
      ...said,
      ok: true,
      made: { file: to, digest, size, ...(await countsOf(made)) },
      refusals: [],
      moreRefusals: 0,
    };
    await print(stdout, format, document, buildText);
    return 0;
  } catch (error) {
    if (!(error instanceof ContentRefusedError)) throw error;
    const document: AddonBuild = { ...said, ok: false, refusals: error.refusals, moreRefusals: error.more };
    await print(stdout, format, document, buildText);
    return 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Work {
  invocation: Invocation;
  from: string;
  platform: string;
  directory: string;
}

/** Of a directory: the one that it would be in an image. */
async function layerOf({ from, directory }: Work): Promise<LayerFile[]> {
  const layer = await writeLayer(await entriesOf(from), join(directory, 'layer.tar'));
  return [{ ...layer, mediaType: mediaTypes.layer }];
}

async function layersOf({ invocation: { config, signal }, from, platform, directory }: Work): Promise<LayerFile[]> {
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('addon') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    const { digest } = await registry.resolve(from, auth);
    const image = await readSourceImage(registry, `${repositoryOf(parseReference(from))}@${digest}`, platform, auth);
    const layers = join(directory, 'layers');
    await mkdir(layers);
    return await downloadLayers(registry, image, layers, auth, signal);
  } finally {
    await registry.close();
  }
}

async function countsOf({ list }: AddonImage): Promise<{ files: number; directories: number; links: number }> {
  const counts = { file: 0, directory: 0, symlink: 0 };
  for await (const { type } of parseFileList(createReadStream(list.file))) counts[type]++;
  return { files: counts.file, directories: counts.directory, links: counts.symlink };
}

/** What is no directory here is the name of an image. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
