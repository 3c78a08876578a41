/** Symbolic links of an archive, as they are in the addon. Pure. */
import { relative } from 'node:path/posix';
import { type ArchiveTree, outside } from './archive-tree.ts';
import { quoted, refuse } from './refusal.ts';

/** The target of a link at `from` that leads to `to`; both from the same root, without a slash before. */
export function linkBetween(from: string, to: string): string {
  const slash = from.lastIndexOf('/');
  return relative(`/${from.slice(0, Math.max(0, slash))}`, `/${to}`);
}

/** A link: `from` in the archive, `path` in the addon. */
export interface MovedLink {
  from: string;
  target: string;
  path: string;
}

export interface LinkedPlace {
  tree: ArchiveTree;
  /** Where the archive's content is in the addon. */
  place: string;
  /** Of torcx's image. */
  image: string;
}

/**
 * What a link of the archive says in the addon: the same where it is relative, for what it leads to has moved with it.
 * @throws StallingError `UnsafeArchive` for a link that leads out of the archive
 */
export function linkTarget({ from, target, path }: MovedLink, { tree, place, image }: LinkedPlace): string {
  if (target.startsWith('/')) {
    // What masks a unit, or gives a program nothing to read.
    if (target === '/dev/null') return target;
    const [, unpacked, program] = /^\/run\/torcx\/(?:unpack\/([^/].*)|bin\/([^/]+))$/.exec(target) ?? [];
    if (program !== undefined && program !== '..' && program !== '.') return linkBetween(path, `usr/bin/${program}`);
    const inside = unpacked === image ? '' : unpacked?.startsWith(`${image}/`) ? unpacked.slice(image.length + 1) : undefined;
    if (inside !== undefined && !tree.resolve(inside).startsWith('/') && tree.resolve(inside) !== outside)
      return linkBetween(path, inside === '' ? place : `${place}/${inside}`);
    throw refuse(
      'UnsafeArchive',
      `${quoted(`/${from}`)} is a link to ${quoted(target)}, outside of the archive; make it relative, or leave it out`,
    );
  }
  const slash = from.lastIndexOf('/');
  if (tree.resolve(`${from.slice(0, Math.max(0, slash))}/${target}`) === outside)
    throw refuse(
      'UnsafeArchive',
      `${quoted(`/${from}`)} is a link to ${quoted(target)}, which climbs out of the archive or goes round in a circle`,
    );
  return target;
}
