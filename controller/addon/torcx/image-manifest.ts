/** What an archive says of itself: `/.torcx/manifest.json`, kind image-manifest-v0. Pure. */
import { maxDocumentBytes, readDocument, textsOf } from './json-document.ts';
import type { ArchiveTree } from './archive-tree.ts';
import { quoted, refuse } from './refusal.ts';

export const manifestPath = '.torcx/manifest.json';

/** The lists of the manifest. Each names files, or directories with all that is in them. */
export const assetKinds = ['bin', 'units', 'network', 'sysusers', 'tmpfiles', 'udev_rules'] as const;
export type AssetKind = (typeof assetKinds)[number];

export interface ImageManifest {
  /** Paths from the root of the archive, without slashes at either end. */
  assets: Readonly<Record<AssetKind, readonly string[]>>;
  /** Lists that torcx's own v0 does not have; nothing is done with them. */
  unknown: readonly string[];
}

/** More of them than any image of torcx has had. */
const maxAssets = 4096;

/** The manifest of an archive. @throws StallingError `NoManifest`, `InvalidManifest` */
export async function manifestOf(tree: ArchiveTree): Promise<ImageManifest> {
  const entry = tree.get(manifestPath);
  if (entry?.kind !== 'file')
    throw refuse(
      'NoManifest',
      `the archive has no file /${manifestPath}: it is none of torcx, or was packed with a directory around its content`,
    );
  if (entry.size > maxDocumentBytes) throw refuse('InvalidManifest', `/${manifestPath} has more than ${maxDocumentBytes} bytes`);
  const pieces: Uint8Array[] = [];
  for await (const piece of entry.bytes()) pieces.push(piece);
  return parseImageManifest(Buffer.concat(pieces));
}

/** @throws StallingError `InvalidManifest` */
export function parseImageManifest(bytes: Uint8Array): ImageManifest {
  const where = `/${manifestPath}`;
  const { kind, value } = readDocument(bytes, where);
  if (kind !== 'image-manifest-v0')
    throw refuse('InvalidManifest', `${where} is of kind ${quoted(kind)}; only image-manifest-v0 is known`);
  const listed = (name: AssetKind): readonly string[] =>
    textsOf(value[name], `${where}: value.${name}`)
      // As torcx does.
      .filter(path => path !== '')
      .map((path, i) => assetPath(path, `${where}: value.${name}[${i}]`));
  const assets = {
    bin: listed('bin'),
    units: listed('units'),
    network: listed('network'),
    sysusers: listed('sysusers'),
    tmpfiles: listed('tmpfiles'),
    udev_rules: listed('udev_rules'),
  };
  if (Object.values(assets).flat().length > maxAssets)
    throw refuse('InvalidManifest', `${where} lists more than ${maxAssets} paths`);
  const known: readonly string[] = assetKinds;
  return { assets, unknown: Object.keys(value).filter(name => !known.includes(name)) };
}

function assetPath(path: string, where: string): string {
  if (!path.startsWith('/')) throw refuse('InvalidManifest', `${where}: ${quoted(path)} is not absolute`);
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuse('InvalidManifest', `${where}: ${quoted(path)} has ".." in it`);
  return parts.join('/');
}
