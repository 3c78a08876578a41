/** What one container writes, line by line, also over broken connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../api/errors.ts';
import { pods } from '../api/core.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isNotFound } from '../kube/errors.ts';
import { resourcePath } from '../kube/resource-path.ts';
import type { Transport } from '../kube/transport.ts';

export interface ContainerRef {
  namespace: string;
  pod: string;
  uid: string;
  container: string;
}

/** A step may compute in silence for long; a connection that is silent for longer is opened anew, and nothing is lost by that. */
const idleMs = 300_000;
const retryMs = 1_000;
/** A line without an end is passed on in pieces. */
const maxLineLength = 64 * 1024;

/**
 * Yields every line that the container writes until it has ended, each once: lines come with their time, and a new connection begins at the
 * last one. With `follow` false, what there is now. Ends early when the pod is gone; throws ApiError when it must not be read.
 */
export async function* containerLog(
  { transport, client }: { transport: Transport; client: Client },
  ref: ContainerRef,
  { follow, signal }: { follow: boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  let last = '';
  for (;;) {
    try {
      for await (const line of lines(await open(transport, ref, { follow, signal, last }))) {
        const { time, text } = timed(line);
        if (time !== '' && time <= last) continue;
        if (time !== '') last = time;
        yield text;
      }
      if (!follow || (await hasEnded(client, ref))) return;
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) return;
      const refused = error instanceof ApiError && error.status < 500 && error.status !== 429;
      if (!follow || refused || !(error instanceof TransientError)) throw error;
    }
    await sleep(retryMs, undefined, { signal });
  }
}

function open(
  transport: Transport,
  { namespace, pod, container }: ContainerRef,
  { follow, signal, last }: { follow: boolean; signal: AbortSignal; last: string },
): Promise<AsyncIterable<Uint8Array>> {
  return transport.stream({
    path: resourcePath(pods, { namespace, name: pod, subresource: 'log' }),
    // The API's time has whole seconds; what comes twice by that is told by its own time.
    query: { container, follow, timestamps: true, ...(last === '' ? {} : { sinceTime: `${last.slice(0, 19)}Z` }) },
    idleMs,
    signal,
    accept: '*/*',
  });
}

/** Whether there will be no more: the container has ended, or another pod has the name. */
async function hasEnded(client: Client, { namespace, pod, uid, container }: ContainerRef): Promise<boolean> {
  const { metadata, status } = await client.get(pods, pod, namespace);
  const state = status?.containerStatuses?.find(c => c.name === container)?.state;
  return metadata.uid !== uid || state?.terminated !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

/** A line as the kubelet gives it with timestamps: RFC 3339 with up to nine digits, which are filled up so that times compare as text. */
export function timed(line: string): { time: string; text: string } {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ?/.exec(line);
  if (!found) return { time: '', text: line };
  const [whole, seconds = '', fraction = ''] = found;
  return { time: `${seconds}.${fraction.padEnd(9, '0')}`, text: line.slice(whole.length) };
}

async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
    if (rest.length <= maxLineLength) continue;
    yield rest;
    rest = '';
  }
  if (rest !== '') yield rest;
}
