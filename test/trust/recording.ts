/** What cosign has put into a registry, kept as a file, and put into another registry again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, type Repository, types } from './corpus/repository.ts';

/** One manifest or blob: as text where it is text. */
export interface Content {
  digest: string;
  mediaType: string;
  text?: string;
  base64?: string;
}

export interface RecordedImage {
  /** What was done with it. */
  name: string;
  digest: string;
  blobs: Content[];
  manifests: (Content & { tag?: string })[];
  /** Entries of the list of what refers to it. */
  referrers: Json[];
}

export interface Recording {
  /** Version of cosign. */
  cosign: string;
  /** The keys that signed, by the names of the authorities that have them; PEM. */
  keys: Record<string, string>;
  /** Of the services that were used. */
  trustedRoot?: string;
  /** Who signed with certificates. */
  identity?: { issuer: string; subject: string };
  images: RecordedImage[];
}

export function contentOf(digest: string, mediaType: string, bytes: Buffer): Content {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { digest, mediaType, text } : { digest, mediaType, base64: bytes.toString('base64') };
}

const bytesOf = ({ text, base64 = '' }: Content): Buffer =>
  text === undefined ? Buffer.from(base64, 'base64') : Buffer.from(text);

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'golden', `${name}.json`), 'utf8')) as Recording;
}

/** Puts what was recorded beside an image into a repository; the image itself is not there. */
export async function replay(image: RecordedImage, repository: Repository): Promise<void> {
  for (const blob of image.blobs) await repository.blob(bytesOf(blob), blob.mediaType);
  for (const { tag, ...manifest } of image.manifests) {
    await repository.manifest(bytesOf(manifest), { mediaType: manifest.mediaType, ...(tag === undefined ? {} : { tag }) });
  }
  if (image.referrers.length === 0) return;
  const index = { schemaVersion: 2, mediaType: types.index, manifests: image.referrers };
  await repository.manifest(index, { tag: image.digest.replace(':', '-'), mediaType: types.index });
}
