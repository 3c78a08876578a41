/** Git's wire protocol version 2 (gitprotocol-v2(5)): requests as bytes, answers from packets. Pure but for the stream it reads. */
import { StallingError, TransientError } from '../api/errors.ts';
import { plainText } from '../trust/plain-text.ts';
import { type Packet, delimiter, flush, line, packet } from './pkt-line.ts';
import type { SourceReason } from './reasons.ts';

export interface Capabilities {
  /** 2, or 1 for a server that did not take up version 2. */
  version: 1 | 2;
  /** Server lets a fetch leave objects out. */
  filter: boolean;
}

/** Filters of a fetch, best first: `tree:0` sends only the trees that were named, `blob:none` all trees of the commit. */
export type Filter = 'tree:0' | 'blob:none';

export interface FetchRequest {
  wants: readonly string[];
  haves?: readonly string[];
  filter?: Filter;
  /** How many commits of the history, what is wanted included; absent: all of it. */
  depth?: number | undefined;
  /** Ends the negotiation: the pack is wanted whatever is in common. */
  done?: boolean;
}

/** What the server said before the pack. */
export interface Acknowledgments {
  known: ReadonlySet<string>;
  /** The server found enough in common to send the pack. */
  ready: boolean;
}

/** What a ref points at, and the commit that this leads to: another where it is an annotated tag. */
export interface ResolvedRef {
  object: string;
  oid: string;
}

/** Packets read beyond what is needed before the answer is cut off. */
const mostExtra = 500;

/** The error that the server itself wrote into its answer. */
export class RemoteError extends TransientError {
  constructor(message: string) {
    super('GitOperationFailed' satisfies SourceReason, `the Git server says: ${plainText(message.trim(), 500)}`);
    this.name = 'RemoteError';
  }
}

/** Reads the answer to `GET info/refs`. A version 1 answer is recognised at its first ref and read no further. */
export async function readCapabilities(answer: AsyncIterable<Packet>): Promise<Capabilities> {
  const lines: string[] = [];
  for await (const { kind, text } of texts(answer)) {
    if (kind !== 'data' || text.startsWith('# service=')) continue;
    if (lines.length === 0 && text !== 'version 2') return { version: 1, filter: false };
    if (lines.push(text) > mostExtra) break;
  }
  if (lines.length === 0) return { version: 1, filter: false };
  const value = (name: string): string => lines.find(l => l === name || l.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const format = value('object-format');
  if (format !== '' && format !== 'sha1') {
    throw new StallingError(
      'UnsupportedGitFeature' satisfies SourceReason,
      `repositories with ${format} object ids are not supported`,
    );
  }
  return { version: 2, filter: value('fetch').split(' ').includes('filter') };
}

/** Asks for one ref, peeled. A prefix is all the protocol offers, so longer names may come too. */
export function lsRefsRequest(ref: string): Buffer {
  return Buffer.concat([packet('command=ls-refs\n'), delimiter, packet('peel\n'), packet(`ref-prefix ${ref}\n`), flush]);
}

/** What exactly this ref names; undefined when the server has no such ref. */
export async function readRef(answer: AsyncIterable<Packet>, ref: string): Promise<ResolvedRef | undefined> {
  let [found, extra]: [ResolvedRef | undefined, number] = [undefined, 0];
  for await (const { kind, text } of texts(answer)) {
    // Reading a short answer to its end keeps the connection; a long one is not worth it.
    if (found !== undefined && ++extra > mostExtra) break;
    const [oid, name, ...attributes] = text.split(' ');
    if (kind !== 'data' || name !== ref) continue;
    const peeled = attributes.find(a => a.startsWith('peeled:'))?.slice('peeled:'.length);
    found = { object: requireOid(oid), oid: requireOid(peeled ?? oid) };
  }
  return found;
}

/** A ref in a version 1 advertisement, where a peeled tag follows as `<ref>^{}`. */
export async function readAdvertisedRef(answer: AsyncIterable<Packet>, ref: string): Promise<ResolvedRef | undefined> {
  let found: ResolvedRef | undefined;
  for await (const { kind, text } of texts(answer)) {
    if (kind !== 'data' || text.startsWith('# service=')) continue;
    const [oid, name] = (text.split('\0')[0] ?? '').split(' ');
    if (found !== undefined) return name === `${ref}^{}` ? { ...found, oid: requireOid(oid) } : found;
    if (name === ref) found = { object: requireOid(oid), oid: requireOid(oid) };
  }
  return found;
}

export function fetchRequest(o: FetchRequest): Buffer {
  return Buffer.concat([
    packet('command=fetch\n'),
    delimiter,
    packet('ofs-delta\n'),
    packet('no-progress\n'),
    ...(o.depth === undefined ? [] : [packet(`deepen ${o.depth}\n`)]),
    ...(o.filter ? [packet(`filter ${o.filter}\n`)] : []),
    ...o.wants.map(oid => packet(`want ${oid}\n`)),
    ...(o.haves ?? []).map(oid => packet(`have ${oid}\n`)),
    ...(o.done === false ? [] : [packet('done\n')]),
    flush,
  ]);
}

/** Reads a fetch: what the server acknowledges, and the pack's bytes, handed to `onPack` as they come. */
export async function readFetch(
  answer: AsyncIterable<Packet>,
  onPack: (bytes: Buffer) => void,
): Promise<Acknowledgments & { pack: boolean }> {
  const known = new Set<string>();
  let [ready, section] = [false, ''];
  for await (const p of answer) {
    if (p.kind !== 'data') {
      if (p.kind === 'delimiter') section = '';
      continue;
    }
    refuseError(p.data);
    if (section === '') section = line(p.data);
    else if (section === 'packfile') readBand(p.data, onPack);
    else if (section === 'acknowledgments') {
      const text = line(p.data);
      if (text === 'ready') ready = true;
      if (text.startsWith('ACK ')) known.add(text.slice(4));
    }
  }
  return { known, ready, pack: section === 'packfile' };
}

/** side-band-64k: 1 data, 2 progress, 3 the server's last words. */
function readBand(data: Buffer, onPack: (bytes: Buffer) => void): void {
  const band = data[0];
  if (band === 1) onPack(data.subarray(1));
  else if (band === 3) throw new RemoteError(data.toString('utf8', 1));
  else if (band !== 2) throw new RemoteError('unknown side band');
}

async function* texts(answer: AsyncIterable<Packet>): AsyncGenerator<{ kind: Packet['kind']; text: string }> {
  for await (const p of answer) {
    if (p.kind === 'data') refuseError(p.data);
    yield { kind: p.kind, text: p.kind === 'data' ? line(p.data) : '' };
  }
}

function refuseError(data: Buffer): void {
  if (data.length > 4 && data.toString('latin1', 0, 4) === 'ERR ') throw new RemoteError(data.toString('utf8', 4));
}

function requireOid(text: string | undefined): string {
  if (text !== undefined && /^[0-9a-f]{40}$/.test(text)) return text;
  throw new TransientError('GitOperationFailed' satisfies SourceReason, 'the Git server lists a ref without an object id');
}
