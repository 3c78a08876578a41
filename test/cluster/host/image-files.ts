/** The few files of an image that a fake host really gets: those that say what it accepts. They come and go with the image, as below /usr and, unless they were changed, below /etc. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** By path without a slash before it. */
export type ImageFiles = Readonly<Record<string, string>>;

/** Of an image's layers those whose history says so. */
export const trustLayer = 'scantling: trust: ';

/** Plain files of a tar without extensions. */
export function readTar(tar: Buffer): ImageFiles {
  const files: Record<string, string> = {};
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + 512);
    const [name, prefix] = [text(header, 0, 100), text(header, 345, 500)];
    const size = Number.parseInt(text(header, 124, 136), 8) || 0;
    const type = text(header, 156, 157);
    if (type === '0' || type === '') files[prefix ? `${prefix}/${name}` : name] = tar.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

function text(header: Buffer, from: number, to: number): string {
  return header.toString('utf8', from, to).replace(/\0.*$/s, '');
}

/** What a boot of another image does to the host's files. */
export function changeFiles(root: string, before: ImageFiles = {}, after: ImageFiles = {}): void {
  for (const [path, content] of Object.entries(before)) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) rmSync(file);
  }
  for (const [path, content] of Object.entries(after)) {
    const file = join(root, path);
    if (existsSync(file) && path.startsWith('etc/')) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
