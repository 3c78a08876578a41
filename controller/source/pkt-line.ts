/** pkt-line framing (gitprotocol-common(5)): four hex digits of length, themselves included, then the data; 0000 to 0002 are marks. */

export type Packet = { kind: 'data'; data: Buffer } | { kind: 'flush' | 'delimiter' | 'end' };

/** Largest packet the protocol allows, length digits included. */
const largest = 65_520;

export class PacketError extends Error {}

/** One data packet. */
export function packet(text: string): Buffer {
  const data = Buffer.from(text);
  if (data.length + 4 > largest) throw new PacketError(`a packet of ${data.length} bytes is longer than the protocol allows`);
  return Buffer.concat([Buffer.from((data.length + 4).toString(16).padStart(4, '0')), data]);
}

export const flush = Buffer.from('0000');
export const delimiter = Buffer.from('0001');

/** Cuts a stream of chunks into packets. Throws PacketError on a bad length and on a stream that ends inside a packet. */
export async function* packets(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Packet> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk]);
    for (;;) {
      const next = take(rest);
      if (!next) break;
      rest = rest.subarray(next.length);
      yield next.packet;
    }
  }
  if (rest.length > 0) throw new PacketError('the stream ends inside a packet');
}

function take(bytes: Buffer): { packet: Packet; length: number } | undefined {
  if (bytes.length < 4) return undefined;
  const digits = bytes.toString('latin1', 0, 4);
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new PacketError('a packet does not start with its length');
  const length = Number.parseInt(digits, 16);
  if (length === 0) return { packet: { kind: 'flush' }, length: 4 };
  if (length === 1) return { packet: { kind: 'delimiter' }, length: 4 };
  if (length === 2) return { packet: { kind: 'end' }, length: 4 };
  if (length === 3 || length > largest) throw new PacketError(`${length} is no length of a packet`);
  if (bytes.length < length) return undefined;
  return { packet: { kind: 'data', data: bytes.subarray(4, length) }, length };
}

/** A text packet without its newline. */
export function line(data: Buffer): string {
  const text = data.toString('utf8');
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
