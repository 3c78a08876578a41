/**
 * Commits and annotated tags of Git as raw bytes: pure, and stricter than Git. What is signed is taken from the same parse as the tree, parents and object
 * that are used afterwards, so that no bytes can mean one thing to who checks and another to who applies. Follows `fsck_commit` and `fsck_tag` of Git's
 * fsck.c, and for the signed bytes `parse_buffer_signed_by_header` of commit.c and `parse_signature` of gpg-interface.c.
 */
import { createHash } from 'node:crypto';

export type ObjectFormat = 'sha1' | 'sha256';

export interface Person {
  /** As the bytes are, one character each: the header `encoding` says what they mean. */
  name: string;
  email: string;
  /** Epoch milliseconds. */
  time: number;
}

/** A signature and the very bytes that it is of. */
export interface Signed {
  payload: Buffer;
  signature: Buffer;
}

export interface ParsedCommit {
  type: 'commit';
  tree: string;
  parents: readonly string[];
  author: Person;
  committer: Person;
  /** Absent when it is not signed. */
  signed?: Signed;
}

export interface ParsedTag {
  type: 'tag';
  object: string;
  objectType: string;
  /** What it calls itself, without refs/tags/. */
  name: string;
  /** Absent in tags that are older than Git's knowledge of taggers; those cannot count. */
  tagger?: Person;
  signed?: Signed;
}

/** The object is not as Git writes it; the message is for people, and begins in the middle of a sentence. */
export class MalformedObject extends Error {}

const signatureHeaders = { sha1: 'gpgsig', sha256: 'gpgsig-sha256' } as const;
const hexDigits = { sha1: 40, sha256: 64 } as const;
/** Headers after committer that may come more than once. */
const repeatable: ReadonlySet<string> = new Set(['mergetag']);
const [newline, space] = [0x0a, 0x20];

/** Which format an id is of; undefined when it is none. */
export function objectFormat(oid: string): ObjectFormat | undefined {
  if (/^[0-9a-f]{40}$/.test(oid)) return 'sha1';
  return /^[0-9a-f]{64}$/.test(oid) ? 'sha256' : undefined;
}

/** The id that Git gives these bytes. */
export function idOf(type: string, data: Uint8Array, format: ObjectFormat): string {
  return createHash(format).update(`${type} ${data.byteLength}\0`).update(data).digest('hex');
}

/** Bytes of a commit or tag that are looked at. Those that people make are a hundredth of it. */
const mostBytes = 1024 * 1024;

/** @throws MalformedObject */
export function parseCommitObject(data: Buffer, format: ObjectFormat): ParsedCommit {
  requireSize(data);
  const { headers, end } = readHeaders(data);
  requireNoNul(data.subarray(end), 'its message');
  const reader = new HeaderReader(headers);
  const tree = oidOf(reader.take('tree'), format);
  const parents: string[] = [];
  while (reader.next?.name === 'parent') parents.push(oidOf(reader.take('parent'), format));
  const author = personOf(reader.take('author'));
  const committer = personOf(reader.take('committer'));
  const others = reader.rest();
  const signature = checkOthers(others, format);
  return {
    type: 'commit',
    tree,
    parents,
    author,
    committer,
    ...(signature ? { signed: { payload: without(data, signature), signature: unfolded(signature) } } : {}),
  };
}

/** @throws MalformedObject */
export function parseTagObject(data: Buffer, format: ObjectFormat): ParsedTag {
  requireSize(data);
  const { headers, end } = readHeaders(data);
  requireNoNul(data.subarray(end), 'its message');
  const reader = new HeaderReader(headers);
  const object = oidOf(reader.take('object'), format);
  const objectType = textOf(reader.take('type'));
  if (!/^(commit|tree|blob|tag)$/.test(objectType)) throw new MalformedObject('its header type is none of Git');
  const name = textOf(reader.take('tag'));
  if (name === '') throw new MalformedObject('its header tag is empty');
  const tagger = reader.next?.name === 'tagger' ? personOf(reader.take('tagger')) : undefined;
  const [other] = reader.rest();
  if (other) throw new MalformedObject(`it has a header ${shown(other.name)} where its message belongs`);
  const signed = trailing(data, end);
  return { type: 'tag', object, objectType, name, ...(tagger ? { tagger } : {}), ...(signed ? { signed } : {}) };
}

interface Header {
  name: string;
  /** Of the line and of those that continue it, the line's end included. */
  from: number;
  to: number;
  /** The value, each continuation still with its space. */
  value: Buffer;
}

/** Takes headers in the order in which they must come. */
class HeaderReader {
  readonly #headers: readonly Header[];
  #at = 0;

  constructor(headers: readonly Header[]) {
    this.#headers = headers;
  }

  get next(): Header | undefined {
    return this.#headers[this.#at];
  }

  take(name: string): Header {
    const header = this.next;
    if (header?.name !== name) {
      const instead = header ? `has ${shown(header.name)}` : 'ends';
      throw new MalformedObject(`it ${instead} where the header ${name} belongs`);
    }
    this.#at++;
    if (header.value.includes(newline)) throw new MalformedObject(`its header ${name} goes on in a second line`);
    return header;
  }

  rest(): readonly Header[] {
    return this.#headers.slice(this.#at);
  }
}

/** Headers up to the first empty line, which ends them; Git writes one before every message, an empty one too. */
function readHeaders(data: Buffer): { headers: Header[]; end: number } {
  const headers: Header[] = [];
  let at = 0;
  while (at < data.length && data[at] !== newline) {
    const found = data.indexOf(newline, at);
    if (found < 0) throw new MalformedObject('its headers end in the middle of a line');
    const line = data.subarray(at, found);
    const to = found + 1;
    if (line[0] === space) {
      const last = headers.at(-1);
      if (!last) throw new MalformedObject('it begins with a line that continues nothing');
      last.to = to;
      last.value = data.subarray(last.from + last.name.length + 1, found);
    } else {
      headers.push(headerOf(line, at, to));
    }
    at = to;
  }
  if (data[at] !== newline) throw new MalformedObject('no empty line ends its headers');
  for (const { name, value } of headers) checkBytes(name, value);
  return { headers, end: at + 1 };
}

function headerOf(line: Buffer, from: number, to: number): Header {
  const gap = line.indexOf(space);
  const name = line.toString('latin1', 0, gap < 0 ? line.length : gap);
  if (gap < 0 || !/^[A-Za-z][A-Za-z0-9:._-]*$/.test(name)) throw new MalformedObject(`it has the header line ${shown(name)}`);
  return { name, from, to, value: line.subarray(gap + 1) };
}

/** A merged tag is kept byte for byte, so its message may have carriage returns. */
function checkBytes(name: string, value: Buffer): void {
  requireNoNul(value, `its header ${name}`);
  if (name !== 'mergetag' && value.includes(0x0d)) throw new MalformedObject(`its header ${name} has a carriage return`);
}

function requireSize(data: Buffer): void {
  if (data.byteLength > mostBytes) throw new MalformedObject(`it has more than ${mostBytes} bytes`);
}

function requireNoNul(bytes: Buffer, where: string): void {
  if (bytes.includes(0)) throw new MalformedObject(`${where} has a NUL, where some programs stop reading`);
}

/** The signature's header, of the headers after committer. Those of the first four must not come again, and what no signature covers must not be there. */
function checkOthers(others: readonly Header[], format: ObjectFormat): Header | undefined {
  const seen = new Set(['tree', 'parent', 'author', 'committer']);
  let signature: Header | undefined;
  for (const header of others) {
    const { name } = header;
    if (seen.has(name)) throw new MalformedObject(`it has the header ${name} twice, or out of its order`);
    if (!repeatable.has(name)) seen.add(name);
    if (name === signatureHeaders[format]) signature = header;
    else if (name.toLowerCase().startsWith('gpgsig')) {
      throw new MalformedObject(`it has a header ${shown(name)}, which Git leaves out of what is signed without checking it`);
    }
  }
  return signature;
}

/** All bytes but the header's lines. */
function without(data: Buffer, { from, to }: Header): Buffer {
  return Buffer.concat([data.subarray(0, from), data.subarray(to)]);
}

/** The value, each line of it ended, without the space that continues it. */
function unfolded({ value }: Header): Buffer {
  return Buffer.from(`${value.toString('latin1').replaceAll('\n ', '\n')}\n`, 'latin1');
}

/** What Git takes for the beginning of a signature in a tag; the last one counts for Git, and there may be only one for us. */
const marker = /(?<![^\n])-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----/g;

function trailing(data: Buffer, messageAt: number): Signed | undefined {
  const found = [...data.toString('latin1').matchAll(marker)].map(({ index }) => index);
  const [at] = found;
  if (at === undefined) return undefined;
  if (found.length > 1) throw new MalformedObject('its message has two signatures');
  // In the headers it would be at the beginning of a line, which no header is.
  if (at < messageAt) throw new MalformedObject('its signature is not in its message');
  return { payload: data.subarray(0, at), signature: data.subarray(at) };
}

function oidOf(header: Header, format: ObjectFormat): string {
  const text = textOf(header);
  if (text.length === hexDigits[format] && /^[0-9a-f]+$/.test(text)) return text;
  throw new MalformedObject(`its header ${header.name} names no object`);
}

function textOf({ value }: Header): string {
  return value.toString('latin1');
}

/** `Name <email> seconds zone`. The seconds as Git's fsck takes them: without leading zeros, and no more than a Date holds. */
function personOf(header: Header): Person {
  const found = /^(?<name>[^<>]* )<(?<email>[^<>]*)> (?<seconds>0|[1-9]\d{0,11}) [+-]\d{4}$/.exec(textOf(header))?.groups;
  if (!found) throw new MalformedObject(`its header ${header.name} is not a name, an address and a time`);
  return { name: (found['name'] ?? '').trimEnd(), email: found['email'] ?? '', time: Number(found['seconds']) * 1000 };
}

function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 39)}…` : name);
}
