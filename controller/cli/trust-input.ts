/** Where `trust add` takes keys from: a file, standard input, a URL, or what a prefix itself names. */
import { open } from 'node:fs/promises';
import { messageOf } from '../api/errors.ts';
import { UsageError } from '../command-line.ts';
import type { Invocation } from '../running.ts';
import { createBoundedGet } from '../trust/bounded-get.ts';
import { discover } from '../trust/discovery.ts';
import { maxKeyBytes, readKeyMaterial, type KeyMaterial } from '../trust/key-material.ts';
import { TrustRefusedError } from './trust-edit.ts';

export interface OfferedKey extends KeyMaterial {
  /** File or URL. */
  location: string;
}

/** For one key over the network. */
const downloadMs = 120_000;

/** Every key there. Throws UsageError, TrustRefusedError; neither has a word of what was read. */
export async function offeredKeys(invocation: Invocation): Promise<OfferedKey[]> {
  const { positionals, config } = invocation;
  const [given] = positionals;
  if (given === undefined) return discovered(invocation);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1]?.toLowerCase();
  if (scheme === undefined)
    return keysIn(given === '-' ? await fromInput(invocation) : await fromFile(given), given === '-' ? 'standard input' : given);
  if (scheme !== 'https' && scheme !== 'http')
    throw new UsageError(`keys are taken from files, https:// and http://, not from ${scheme}://`);
  if (scheme === 'http' && !config['insecure-allow-http'])
    throw new UsageError('others on the way can change what comes by http://; take https://, or say --insecure-allow-http');
  return fromURL(given, config['insecure-allow-http']);
}

async function discovered({ config, discover: look = discover }: Invocation): Promise<OfferedKey[]> {
  const { prefix, 'allow-private-addresses': allowPrivate } = config;
  const { found, attempts } = await look({ prefix, allowPrivate });
  if (found.length > 0) return found;
  const hint =
    !allowPrivate && attempts.some(a => a.includes('private address')) ? '\n(--allow-private-addresses allows them)' : '';
  throw new TrustRefusedError(`no keys were found for ${prefix}:${attempts.map(a => `\n  ${a}`).join('')}${hint}`);
}

async function fromURL(url: string, allowHTTP: boolean): Promise<OfferedKey[]> {
  // Whoever names the host may well mean one of the own network.
  const bounded = createBoundedGet({ allowPrivate: true, allowHTTP });
  try {
    const got = await bounded.get(url, { limitBytes: maxKeyBytes, signal: AbortSignal.timeout(downloadMs) });
    if (got.status !== 200) throw new Error(`answered ${got.status}, and not 200`);
    return await keysIn(got.body, got.url);
  } catch (error) {
    if (error instanceof TrustRefusedError) throw error;
    throw new TrustRefusedError(`${url}: ${messageOf(error)}`, { cause: error });
  } finally {
    await bounded.close();
  }
}

async function fromFile(path: string): Promise<Buffer> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxKeyBytes + 1), 0, maxKeyBytes + 1, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function fromInput({ stdin = process.stdin }: Invocation): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    size += bytes.length;
    if (size > maxKeyBytes) break;
  }
  return Buffer.concat(chunks);
}

async function keysIn(bytes: Uint8Array, location: string): Promise<OfferedKey[]> {
  try {
    return (await readKeyMaterial(bytes)).map(key => ({ ...key, location }));
  } catch (error) {
    throw new TrustRefusedError(`${location} ${messageOf(error)}`, { cause: error });
  }
}
