import type { IncomingMessage } from 'node:http';

/** The whole body, unless it is larger than that, or breaks off. What is left of it then is not read. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Uint8Array | 'too large' | 'broken'> {
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) return 'too large';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // The connection stays, so that it can be answered.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > mostBytes) return 'too large';
      chunks.push(chunk);
    }
  } catch {
    return 'broken';
  }
  return Buffer.concat(chunks);
}
