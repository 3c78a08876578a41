/** Archives of torcx as mksquashfs and tar make them. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ArchiveTree, archiveLimits, type ArchiveLimits } from '../../../controller/addon/torcx/archive-tree.ts';
import { readArchive } from '../../../controller/addon/torcx/read-archive.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { has } from '../../tools/run-command.mjs';

/** Content, or where a link leads, or what it is another name of; by path. */
export type Content = Record<string, string | Buffer | { link: string } | { same: string } | { directory: true }>;

export interface TestContext {
  after(fn: () => void | Promise<void>): void;
}

/** A directory with the content, which goes when the test ends. */
export function rootfs(t: TestContext, content: Content): string {
  const root = temporaryDirectory('torcx-root');
  t.after(() => removeDirectory(root));
  for (const [path, what] of Object.entries(content)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof what === 'string' || Buffer.isBuffer(what)) {
      writeFileSync(at, what);
      chmodSync(at, /(^|\/)s?bin\//.test(path) ? 0o755 : 0o644);
    } else if ('link' in what) symlinkSync(what.link, at);
    else if ('same' in what) linkSync(join(root, what.same), at);
    else mkdirSync(at, { recursive: true });
  }
  return root;
}

/** The manifest of an image. */
export function manifest(value: object, kind = 'image-manifest-v0'): string {
  return JSON.stringify({ kind, value });
}

let made = 0;

/** An archive of a directory, as mksquashfs makes it. */
export function squashfs(t: TestContext, root: string, ...options: string[]): string {
  const directory = temporaryDirectory('torcx-squashfs');
  t.after(() => removeDirectory(directory));
  const file = join(directory, `addon:${made++}.torcx.squashfs`);
  execFileSync('mksquashfs', [root, file, '-quiet', '-no-progress', '-all-root', '-noappend', ...options]);
  return file;
}

/** An archive of a directory, as tar makes it. */
export function tgz(t: TestContext, root: string, ...options: string[]): string {
  const directory = temporaryDirectory('torcx-tgz');
  t.after(() => removeDirectory(directory));
  const file = join(directory, `addon:${made++}.torcx.tgz`);
  execFileSync('tar', ['-C', root, '--owner=0', '--group=0', ...options, '-czf', file, '.']);
  return file;
}

/** All that is in an archive: of files mode and content, of links the target, of directories the mode. */
export async function read(
  file: string,
  options: { limits?: Partial<ArchiveLimits>; allowSetuid?: boolean } = {},
): Promise<Record<string, string>> {
  const directory = temporaryDirectory('torcx-read');
  try {
    const archive = await readArchive(file, file.endsWith('.tgz') ? 'tgz' : 'squashfs', {
      ...options,
      limits: { ...archiveLimits, ...options.limits },
      directory,
    });
    try {
      return await contentsOf(archive.tree);
    } finally {
      await archive.close();
    }
  } finally {
    removeDirectory(directory);
  }
}

export async function contentsOf(tree: ArchiveTree): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of tree.entries()) {
    if (entry.kind === 'link') found[entry.path] = `-> ${entry.target}`;
    else if (entry.kind === 'directory') found[entry.path] = `/${entry.mode.toString(8)}`;
    else found[entry.path] = `${entry.mode.toString(8)} ${(await all(entry.bytes())).toString('latin1')}`;
  }
  return found;
}

export async function all(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const kept: Buffer[] = [];
  for await (const piece of pieces) kept.push(Buffer.from(piece));
  return Buffer.concat(kept);
}

/** Bytes that no compression makes smaller. */
export const noise = randomBytes(300_000);

/** For tests that need it. Where CI is set it must be there. */
export const skipWithoutSquashfs: string | false =
  !process.env['CI'] && !(await has('mksquashfs', '-version')) && 'needs mksquashfs (Debian: squashfs-tools)';
