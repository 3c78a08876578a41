/** Brings one addon from a registry into the store. What was brought before an interruption stays, also over the end of the agent. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { TransientError } from '../../api/errors.ts';
import type { DockerConfig } from '../../registry/credentials.ts';
import type { Registry } from '../../registry/registry.ts';
import type { AddonStore, Raw } from './store.ts';

export interface Source {
  registry: Pick<Registry, 'readBlob'>;
  /** `host/repository`. */
  repository: string;
  auth: DockerConfig | undefined;
}

/** The fetch was given up by whoever asked for it. */
export class FetchEndedError extends Error {}

const chunkBytes = 1 << 20;

/**
 * Brings a raw, unless it is there. It gets its name once all its bytes are on the disk and are those of its digest.
 * @throws what the registry's client throws; TransientError `DigestMismatch` for bytes that are not the addon's, `DiskFull`; FetchEndedError
 */
export async function fetchRaw(store: AddonStore, raw: Raw, source: Source, signal: AbortSignal): Promise<void> {
  if (await store.has(raw)) return;
  const begun = await store.partialSize(raw);
  try {
    await attempt(store, raw, source, signal);
  } catch (error) {
    if (!isMismatch(error)) throw error;
    await store.dropPart(raw);
    // The wrong bytes may be those of the earlier attempt.
    if (begun === 0) throw error;
    await attempt(store, raw, source, signal).catch(async (again: unknown) => {
      if (isMismatch(again)) await store.dropPart(raw);
      throw again;
    });
  }
  await store.complete(raw);
}

async function attempt(store: AddonStore, raw: Raw, source: Source, signal: AbortSignal): Promise<void> {
  const file = await store.openPart(raw);
  try {
    await fill(file, raw, source, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    const message = `the disk of the node ran full while the addon ${raw.name} was fetched`;
    throw new TransientError('DiskFull', message, { cause: error });
  } finally {
    await file.close();
  }
}

/** Writes what is missing. */
async function fill(file: FileHandle, raw: Raw, { registry, repository, auth }: Source, signal: AbortSignal): Promise<void> {
  const offset = (await file.stat()).size;
  if (offset > raw.size) throw mismatch(raw);
  const hash = createHash('sha256');
  await hashFile(file, offset, hash);
  let written = offset;
  const rest = offset < raw.size ? registry.readBlob(repository, raw, auth, { offset, hash: hash.copy() }) : [];
  for await (const bytes of rest) {
    if (signal.aborted) throw new FetchEndedError(`${raw.name} is not wanted any more`);
    await file.write(bytes, 0, bytes.length, written);
    hash.update(bytes);
    written += bytes.length;
  }
  if (written !== raw.size || `sha256:${hash.digest('hex')}` !== raw.digest) throw mismatch(raw);
}

/** What is on the disk counts, not what was once written: it is read again. */
async function hashFile(file: FileHandle, size: number, hash: Hash): Promise<void> {
  const buffer = Buffer.alloc(Math.min(chunkBytes, size));
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) throw new Error('a file of the store became shorter while it was read');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof TransientError && error.reason === 'DigestMismatch';
}

function mismatch({ name, digest, size }: Raw): TransientError {
  return new TransientError(
    'DigestMismatch',
    `what was fetched for the addon ${name} are not the ${size} bytes of ${digest} that the target names`,
  );
}
