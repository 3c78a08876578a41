/**
 * The list of an addon's files: JSON of the form `{"files":[…],"version":1}` with a line for each file, in the order of the paths as the file system has
 * them, so that a hundred thousand are read one at a time.
 */
import type { AddonFile } from '../api/addon-artifact.ts';
import { isDigest } from '../registry/digest.ts';

export const listStart = '{"files":[';
export const listEnd = '\n],"version":1}\n';
/** Of a path, with a link's target, both escaped at worst. */
const maxLineBytes = 128 * 1024;
/** Between two turns of the loop. */
const linesAtOnce = 500;

/** The bytes are no list. */
export class FileListError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FileListError';
  }
}

/**
 * Reads a list as it comes, without holding up the loop.
 * @throws FileListError; what the source throws
 */
export async function* parseFileList(source: AsyncIterable<Uint8Array>): AsyncGenerator<AddonFile, undefined> {
  let [number, ended] = [0, false];
  for await (const line of linesOf(source)) {
    number++;
    if (number === 1) {
      if (line !== listStart) throw new FileListError('it does not begin as one');
      continue;
    }
    if (ended) throw new FileListError('it goes on behind its end');
    if (line === listEnd.trim()) ended = true;
    else yield fileOf(line, number);
    if (number % linesAtOnce === 0) await new Promise(resolve => setImmediate(resolve));
  }
  if (!ended) throw new FileListError('it is cut off');
  return undefined;
}

/**
 * Lines as they come, without their ends.
 * @throws FileListError for one that is too long
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, from)) {
      yield bytes.toString('utf8', from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > maxLineBytes) throw new FileListError('a line of it is too long');
  }
  if (rest.length > 0) yield rest.toString('utf8');
  return undefined;
}

function fileOf(line: string, number: number): AddonFile {
  const value = parse(line.endsWith(',') ? line.slice(0, -1) : line);
  const { path, type, mode, size, digest, target } = value ?? {};
  const isNamed = typeof path === 'string' && path.startsWith('/') && isMode(mode);
  if (isNamed && type === 'directory') return { path, type, mode };
  if (isNamed && type === 'symlink' && typeof target === 'string') return { path, type, mode, target };
  if (isNamed && type === 'file' && isSize(size) && typeof digest === 'string' && isDigest(digest))
    return { path, type, mode, size, digest };
  throw new FileListError(`line ${number} of it says nothing of a file`);
}

function parse(line: string): Partial<Record<keyof AddonFile, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isMode(value: unknown): value is number {
  return isSize(value) && value <= 0o7777;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
