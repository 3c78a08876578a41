/** The list of what refers to a manifest, as the referrers API gives it and as the referrers tag keeps it (distribution specification 1.1). */
import { isDigest } from './digest.ts';
import { mediaTypes } from './media-types.ts';
import type { Descriptor } from './media-types.ts';

/** An image index as it was read, with all that is not known here. */
export type IndexDocument = Readonly<Record<string, unknown>>;

/** The tag of the index that stands for the referrers API where a registry has none. */
export function referrersTag(digest: string): string {
  return digest.replace(':', '-');
}

/** The entries of an index, undefined when it is none, or when one is no descriptor: a part of the list is not the list. */
export function entriesOf(document: IndexDocument): Descriptor[] | undefined {
  const { manifests, mediaType } = document;
  if (!Array.isArray(manifests) || (mediaType !== undefined && mediaType !== mediaTypes.index)) return undefined;
  const entries = manifests.map((entry: unknown) => descriptorOf(entry));
  return entries.every(entry => entry !== undefined) ? entries : undefined;
}

/** An entry is kept with all its fields, known here or not. */
function descriptorOf(value: unknown): Descriptor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { mediaType, digest, size } = value as Partial<Record<keyof Descriptor, unknown>>;
  const right = typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
  return right ? (value as Descriptor) : undefined;
}

/** Both lists as one; where both have an entry, that of the first counts. */
export function merged(first: readonly Descriptor[], second: readonly Descriptor[]): Descriptor[] {
  const seen = new Set<string>();
  return [...first, ...second].filter(({ digest }) => !seen.has(digest) && seen.add(digest));
}

/** The index with an entry at its end; nothing else of it changes. The same index when it has the entry. */
export function withEntry(index: IndexDocument | undefined, entry: Descriptor): IndexDocument {
  const entries = index && entriesOf(index);
  if (entries?.some(({ digest }) => digest === entry.digest)) return index ?? {};
  return {
    ...(index ?? { schemaVersion: 2, mediaType: mediaTypes.index }),
    manifests: [...(entries ?? []), entry],
  };
}

/** The index without some entries. */
export function withoutEntries(index: IndexDocument, digests: ReadonlySet<string>): IndexDocument {
  return { ...index, manifests: (entriesOf(index) ?? []).filter(({ digest }) => !digests.has(digest)) };
}

export function bytesOf(index: IndexDocument): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(index));
}

/** What a manifest says about itself as somebody's referrer, undefined when it has no subject. */
export function referrerOf(
  json: unknown,
  manifest: { mediaType: string; digest: string; size: number },
): { subject: string; entry: Descriptor } | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { subject, artifactType, config, annotations } = json as Record<string, unknown>;
  const to = textOf(subject, 'digest');
  if (to === undefined || !isDigest(to)) return undefined;
  // The specification takes the type of the configuration where a manifest names no artifact type.
  const type = typeof artifactType === 'string' && artifactType !== '' ? artifactType : textOf(config, 'mediaType');
  const notes = Object.entries(typeof annotations === 'object' && annotations !== null ? annotations : {}).filter(
    (note): note is [string, string] => typeof note[1] === 'string',
  );
  const entry = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(notes.length === 0 ? {} : { annotations: Object.fromEntries(notes) }),
  };
  return { subject: to, entry };
}

/** The target of `rel="next"` in a Link header (RFC 8288). */
export function nextPage(header: string | undefined): string | undefined {
  for (const link of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(link[2] ?? '')) return link[1];
  }
  return undefined;
}

function textOf(value: unknown, field: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return typeof found === 'string' ? found : undefined;
}
