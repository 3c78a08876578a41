import type { IncomingMessage } from 'node:http';

/** Room for all bodies that are in memory at once. It is taken by what has come, so that a caller who sends nothing keeps nobody out. */
export class BodyRoom {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** False when there is not so much. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** What came of reading a body that is none. */
export type NoBody = 'too large' | 'too slow' | 'broken' | 'no room';

/**
 * The whole body, unless it is larger than that, takes longer, breaks off, or finds no room. What is left of it then is not read, and the
 * connection stays, so that it can be answered. The bytes of a body keep their room until the caller gives it back.
 */
export function readBody(
  request: IncomingMessage,
  o: { mostBytes: number; withinMs: number; room: BodyRoom },
): Promise<Uint8Array | NoBody> {
  if (Number(request.headers['content-length'] ?? 0) > o.mostBytes) return Promise.resolve('too large');
  return new Promise(resolve => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const done = (result: Uint8Array | NoBody): void => {
      clearTimeout(timer);
      request.off('data', more).off('end', whole).off('close', broken).pause();
      if (typeof result === 'string') o.room.give(bytes);
      resolve(result);
    };
    const more = (chunk: Uint8Array): void => {
      if (bytes + chunk.byteLength > o.mostBytes) return done('too large');
      if (!o.room.take(chunk.byteLength)) return done('no room');
      bytes += chunk.byteLength;
      chunks.push(chunk);
    };
    const whole = (): void => done(Buffer.concat(chunks));
    const broken = (): void => done('broken');
    const timer = setTimeout(() => done('too slow'), o.withinMs);
    request.on('data', more).on('end', whole).on('close', broken);
  });
}
