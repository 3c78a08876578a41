/** The bytes of a watch, as events. */
import { TransientError } from '../api/errors.ts';
import type { KubeObject } from '../api/meta.ts';
import { apiErrorOfEvent } from './errors.ts';

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/** etcd holds no object above 1.5 MiB by default; a longer line is not an event. */
const maxLineBytes = 16 * 1024 * 1024;
const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

/** Events of a stream of lines. Throws ApiError for an ERROR event, TransientError for a line that is no event. */
export async function* watchEvents<T extends KubeObject>(stream: AsyncIterable<Uint8Array>): AsyncIterable<WatchEvent<T>> {
  for await (const line of lines(stream)) yield parseEvent<T>(line);
}

function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  let event: { type?: unknown; object?: T } | null;
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw new TransientError('BadWatchEvent', 'a line of the watch is not JSON', { cause: error });
  }
  if (event?.type === 'ERROR') throw apiErrorOfEvent(event.object);
  if (!types.has(event?.type) || typeof event?.object?.metadata?.resourceVersion !== 'string') {
    throw new TransientError('BadWatchEvent', 'a line of the watch is no event');
  }
  return event as WatchEvent<T>;
}

/** Lines end in \n; what follows the last one was cut off and is dropped, because its event comes again with the next watch. */
async function* lines(stream: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let rest: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8');
      rest = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxLineBytes)
      throw new TransientError('BadWatchEvent', `a line of the watch is longer than ${maxLineBytes} bytes`);
  }
}
