/** The armor of an OpenPGP signature and the one packet in it (RFC 9580 §4.2, §6.2): pure. The library would leave out what it cannot read. */

/** The bytes are not what they should be; the message is for people, and begins in the middle of a sentence. */
export class MalformedOpenPGP extends Error {}

const [begin, end] = ['-----BEGIN PGP SIGNATURE-----', '-----END PGP SIGNATURE-----'];
const mostBytes = 64 * 1024;
const signatureTag = 2;

/** The bytes of the one signature that is there, and nothing beside it. @throws MalformedOpenPGP */
export function signaturePacket(armored: Buffer): Buffer {
  if (armored.length > mostBytes) throw new MalformedOpenPGP(`it is larger than ${mostBytes} bytes`);
  const lines = armored.toString('latin1').split('\n');
  if (lines.shift() !== begin) throw new MalformedOpenPGP(`it does not begin with ${begin} on a line of its own`);
  if (lines.pop() !== '') throw new MalformedOpenPGP('its last line has no end');
  if (lines.pop() !== end) throw new MalformedOpenPGP(`it does not end with ${end}, or something follows`);
  // Old versions of GnuPG name themselves in a header; an empty line ends these.
  const blank = lines.indexOf('');
  if (blank < 0 || !lines.slice(0, blank).every(line => /^(?:Version|Comment|Hash|Charset|MessageID): [^\r]*$/.test(line)))
    throw new MalformedOpenPGP('its armor has headers that no signature has');
  const bytes = decoded(lines.slice(blank + 1));
  requireOnePacket(bytes);
  return bytes;
}

function decoded(lines: readonly string[]): Buffer {
  const last = lines.at(-1) ?? '';
  const checksum = /^=[A-Za-z0-9+/]{4}$/.test(last) ? last.slice(1) : undefined;
  const encoded = (checksum === undefined ? lines : lines.slice(0, -1)).join('');
  const bytes = Buffer.from(encoded, 'base64');
  if (encoded === '' || bytes.toString('base64') !== encoded)
    throw new MalformedOpenPGP('its armor is not base64 as it is written');
  if (checksum !== undefined && Buffer.from(checksum, 'base64').readUIntBE(0, 3) !== crc24(bytes))
    throw new MalformedOpenPGP('the checksum of its armor is another');
  return bytes;
}

function requireOnePacket(bytes: Buffer): void {
  const [first = 0, second = 0] = bytes;
  const modern = (first & 0x40) !== 0;
  if ((first & 0x80) === 0) throw new MalformedOpenPGP('it is no packet');
  if ((modern ? first & 0x3f : (first >> 2) & 0x0f) !== signatureTag) throw new MalformedOpenPGP('it is no signature');
  const [header, body] = modern ? modernLength(bytes, second) : oldLength(bytes, first & 3);
  if (header + body !== bytes.length) throw new MalformedOpenPGP('it is not one signature alone, or is cut short');
}

function modernLength(bytes: Buffer, first: number): [number, number] {
  if (first < 192) return [2, first];
  if (first < 224 && bytes.length >= 3) return [3, ((first - 192) << 8) + bytes.readUInt8(2) + 192];
  if (first === 255 && bytes.length >= 6) return [6, bytes.readUInt32BE(2)];
  throw new MalformedOpenPGP('it is written in parts');
}

function oldLength(bytes: Buffer, kind: number): [number, number] {
  const size = 2 ** kind;
  if (size > 4 || bytes.length < 1 + size) throw new MalformedOpenPGP('it does not say how long it is');
  return [1 + size, bytes.readUIntBE(1, size)];
}

function crc24(bytes: Buffer): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x800000 ? (crc << 1) ^ 0x1864cfb : crc << 1;
  }
  return crc & 0xffffff;
}
