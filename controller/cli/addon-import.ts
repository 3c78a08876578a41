/** `scantling addon import FILE`: an archive or a profile of torcx as a SystemAddon or as entries of a SystemPool. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { StallingError } from '../api/errors.ts';
import { addonNameOf, parseArchiveName, requireAddonName, type ArchiveName } from '../addon/torcx/archive-name.ts';
import { manifestOf } from '../addon/torcx/image-manifest.ts';
import { maxDocumentBytes } from '../addon/torcx/json-document.ts';
import { isProfile, parseProfile } from '../addon/torcx/profile-manifest.ts';
import { openFile } from '../addon/torcx/random-access.ts';
import { readArchive } from '../addon/torcx/read-archive.ts';
import { translateArchive } from '../addon/torcx/translate.ts';
import { UsageError } from '../command-line.ts';
import { createRegistry } from '../registry/client.ts';
import { isPlace } from '../registry/reference.ts';
import type { Invocation } from '../running.ts';
import { userAgent } from '../version.ts';
import { addonYaml, importDocument, profileDocument, profileYaml, type ImportedContent } from './addon-import-document.ts';
import { importText, profileText } from './addon-import-view.ts';
import { imageOf, pushImage, writeLayout } from './addon-image.ts';
import { writeLayer } from './addon-layer.ts';
import { osOf, platformOf, tagOf } from './addon-words.ts';
import { writeTree } from './addon-tree.ts';
import { print, reportFormatOf } from './output.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';

/** Exit code 0; warnings do not change it. Throws UsageError, and StallingError for what is refused, naming the file. */
export async function addonImport(invocation: Invocation): Promise<number> {
  const { config, positionals } = invocation;
  const [file = ''] = positionals;
  const wishes = {
    format: reportFormatOf(config.format),
    platform: platformOf(config['addon-platform']),
    os: osOf(config['addon-os']),
  };
  if (config.push !== '' && (!isPlace(config.push) || !config.push.includes('/')))
    throw new UsageError(`--push is a repository with its registry, as registry.example.com/addons/docker, not "${config.push}"`);
  const head = await beginning(file);
  if (config['import-output'] !== '') await requireEmpty(config['import-output']);
  try {
    return isProfile(head) ? await importProfile(invocation, file, wishes) : await importArchive(invocation, file, head, wishes);
  } catch (error) {
    if (error instanceof StallingError) throw new StallingError(error.reason, `${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

interface Wishes {
  format: ReturnType<typeof reportFormatOf>;
  platform: string;
  os: ReturnType<typeof osOf>;
}

async function importProfile({ config, stdout, stderr }: Invocation, file: string, { format }: Wishes): Promise<number> {
  const profile = parseProfile(await beginning(file));
  const directory = config['import-output'];
  if (directory !== '') await writeFile(join(directory, 'systempool.yaml'), await profileYaml(profile));
  // The YAML alone is to go into a file; what a person should know stands beside it.
  if (format === 'table') {
    stdout.write(await profileYaml(profile));
    stderr.write(profileText(profile));
  } else await print(stdout, format, profileDocument(profile), () => '');
  return 0;
}

async function importArchive(invocation: Invocation, file: string, head: Buffer, wishes: Wishes): Promise<number> {
  const { config, stdout } = invocation;
  const { name: image, reference, format } = archiveName(basename(file), head, config['addon-name']);
  const name = config['addon-name'] === '' ? addonNameOf(image, reference) : requireAddonName(config['addon-name']);
  const directory = await mkdtemp(join(tmpdir(), 'scantling-import-'));
  try {
    const archive = await readArchive(file, format, { directory, allowSetuid: config['allow-setuid'] });
    try {
      const manifest = await manifestOf(archive.tree);
      const translated = await translateArchive(archive.tree, { name, image, manifest });
      const layer = await writeLayer(translated.entries, join(directory, 'layer.tar'));
      const made = imageOf(layer, wishes.platform, {
        'org.opencontainers.image.title': name,
        'dev.torcx.image': `${image}:${reference}`,
      });
      const content: ImportedContent = {
        name,
        archive: { image, reference, format },
        platform: wishes.platform,
        os: wishes.os,
        allowSetuid: config['allow-setuid'],
        services: translated.services,
        warnings: translated.warnings,
        files: translated.entries.filter(({ kind }) => kind === 'file').length,
        links: translated.entries.filter(({ kind }) => kind === 'link').length,
        layer: { digest: layer.digest, size: layer.size },
        digest: made.digest,
        repository: config.push,
        directory: config['import-output'],
      };
      if (config.push !== '') await push(invocation, tagOf(reference), made);
      if (content.directory !== '') {
        if (config.tree) await writeTree(translated.entries, join(content.directory, 'tree'));
        else await writeLayout(join(content.directory, 'image'), made);
        await writeFile(join(content.directory, 'systemaddon.yaml'), await addonYaml(content));
      }
      await print(stdout, wishes.format, importDocument(content), importText);
      return 0;
    } finally {
      await archive.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function push({ config }: Invocation, tag: string, image: ReturnType<typeof imageOf>): Promise<void> {
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('addon') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'push');
    await pushImage(registry, { repository: config.push, tag }, image, auth);
  } finally {
    await registry.close();
  }
}

/** By its name; with --name a file may have any, and its first bytes say what it is. */
function archiveName(file: string, head: Buffer, name: string): ArchiveName {
  if (name === '') {
    const found = parseArchiveName(file);
    if (found) return found;
    throw new StallingError(
      'InvalidName',
      'it is no profile of torcx, and not named as an archive of torcx, NAME:REFERENCE.torcx.tgz or .torcx.squashfs; give its name with --name',
    );
  }
  const stem = file.replace(/(\.torcx)?\.(tgz|tar\.gz|squashfs)$/, '');
  const [image = '', reference = 'com.coreos.cl'] = stem.split(':');
  return { name: image, reference, format: head[0] === 0x1f && head[1] === 0x8b ? 'tgz' : 'squashfs' };
}

/** What a profile has at most; of an archive the beginning. */
async function beginning(path: string): Promise<Buffer> {
  const file = await openFile(path);
  try {
    return await file.read(0, maxDocumentBytes + 1);
  } finally {
    await file.close();
  }
}

async function requireEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new UsageError(`${directory} is not empty`);
}
