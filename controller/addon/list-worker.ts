/** Entry of the thread that lists layers of systems, one after the other, as they come: gigabytes are decompressed and hashed for it. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../api/errors.ts';
import { layerStream } from '../trust/layer-stream.ts';
import { TarError, tarMembers } from '../trust/tar-members.ts';
import { LayerLister, listText } from './layer-list.ts';
import type { ListAnswer, ListJob } from './layer-lists.ts';

const port = parentPort;
if (!port) throw new Error('list-worker is the entry of a worker thread');

const pieceBytes = 256 * 1024;

port.on('message', (job: ListJob) => {
  list(job).then(
    answer => port.postMessage(answer),
    (error: unknown) => port.postMessage({ kind: 'failed', message: messageOf(error) } satisfies ListAnswer),
  );
});

async function list({ layer, stream, file, limits }: ListJob): Promise<ListAnswer> {
  const lister = new LayerLister();
  const chunks = stream.values();
  // Whoever reads members stops at the archive's end, and the blob's own digest is known only behind that: so it is read to its end below.
  const source = { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
  const most = Math.max(limits.unsuspiciousBytes, layer.size * limits.ratio);
  try {
    for await (const member of tarMembers(layerStream(layer, source, most))) {
      lister.put(member, lister.wants(member) ? await digestOf(member.bytes()) : undefined);
      if (lister.size > limits.names || lister.nameBytes > limits.nameBytes) return { kind: 'tooMany' };
    }
  } catch (error) {
    if (error instanceof TarError) return { kind: 'invalid', message: error.message };
    throw error;
  }
  while (!(await chunks.next()).done);
  write(file, listText(lister.lines()));
  return { kind: 'listed' };
}

async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}

/** Whole on disk when it returns. */
function write(file: string, text: Iterable<string>): void {
  const fd = openSync(file, 'wx', 0o600);
  const put = (piece: string): void => {
    const bytes = Buffer.from(piece);
    for (let from = 0; from < bytes.length;) from += writeSync(fd, bytes, from);
  };
  try {
    let piece = '';
    for (const line of text) {
      piece += line;
      if (piece.length < pieceBytes) continue;
      put(piece);
      piece = '';
    }
    put(piece);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
