/** What ASN.1 in DER (X.690) is made of, as far as certificates need it. */

/** One value: its tag, its length, and the parts one after the other. */
export function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

export const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
export const octets = (body: Uint8Array): Buffer => der(0x04, body);
export const bits = (body: Uint8Array): Buffer => der(0x03, Buffer.from([0]), body);
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value));
export const boolean = der(0x01, Buffer.from([0xff]));
export const time = (at: Date): Buffer => der(0x17, Buffer.from(`${at.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));

/** An object identifier, as `1.2.840.10045.4.3.2`. */
export function oid(numbers: string): Buffer {
  const [first = 0, second = 0, ...rest] = numbers.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte, the highest first; all but the last byte have their first bit set. */
function base128(n: number): number[] {
  const digits = [n & 0x7f];
  for (let left = n >> 7; left > 0; left >>= 7) digits.unshift(0x80 | (left & 0x7f));
  return digits;
}

/** An extension of a certificate (RFC 5280, 4.2). */
export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return critical ? sequence(oid(id), boolean, octets(value)) : sequence(oid(id), octets(value));
}
