/** The file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS): who may sign, by which key, for what and when. Pure. */
import { StallingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';
import { type SSHPublicKey, readSSHKey } from './ssh-key.ts';
import { MalformedSSH } from './ssh-wire.ts';
import { matchesWildcards } from './wildcard.ts';

export interface AllowedSigner {
  /** In the file, from 1. */
  line: number;
  /** Patterns with commas between, as they are written. */
  principals: string;
  key: SSHPublicKey;
  /** The key does not sign commits but certificates. */
  certAuthority: boolean;
  /** Patterns; absent: every namespace. */
  namespaces?: string;
  /** Epoch milliseconds. */
  validAfter?: number;
  validBefore?: number;
  /** A security token need not have been touched. Ours: ssh-keygen never asks for a touch. */
  noTouchRequired: boolean;
}

/**
 * All signers of the file. Where ssh-keygen stops at a line that it cannot read and goes on with those before it, nothing of the file counts: a signer who
 * is left out must be seen.
 * @throws StallingError `InvalidKey`, with the numbers of the lines
 */
export function parseAllowedSigners(text: string): AllowedSigner[] {
  const signers: AllowedSigner[] = [];
  const wrong: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    try {
      signers.push({ line: index + 1, ...signerOf(trimmed) });
    } catch (error) {
      if (!(error instanceof MalformedSSH)) throw error;
      wrong.push(`line ${index + 1}: ${error.message}`);
    }
  }
  if (wrong.length > 0)
    throw new StallingError('InvalidKey' satisfies PolicyReason, `allowed_signers: ${wrong.slice(0, 5).join('; ')}`);
  if (signers.length === 0) throw new StallingError('InvalidKey' satisfies PolicyReason, 'allowed_signers: it names nobody');
  return signers;
}

/** match_pattern_list of OpenSSH: some pattern matches, and none that begins with `!` does. */
export function matchesPatterns(value: string, patterns: string): boolean {
  let matched = false;
  for (const pattern of patterns.split(',')) {
    const negated = pattern.startsWith('!');
    if (!matchesWildcards(value, negated ? pattern.slice(1) : pattern)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

function signerOf(line: string): Omit<AllowedSigner, 'line'> {
  const [principals, afterPrincipals] = firstWord(line);
  if (principals === '') throw new MalformedSSH('it begins without a principal');
  const [word] = firstField(afterPrincipals);
  // No option begins as a kind of key does, also one that does not count.
  const bare = /^(?:sk-)?(?:ssh|ecdsa)-/.test(word);
  const [options, rest] = bare ? ['', afterPrincipals] : firstField(afterPrincipals);
  const [type = '', encoded = ''] = rest.trim().split(/\s+/);
  if (type === '' || encoded === '') throw new MalformedSSH('it is not principals, options, kind of key and key');
  if (type.includes('-cert-v01@')) throw new MalformedSSH("it has a certificate; name its authority's key, with cert-authority");
  const key = readKey(type, encoded);
  return { principals, key, ...optionsOf(options) };
}

function readKey(type: string, encoded: string): SSHPublicKey {
  const blob = Buffer.from(encoded, 'base64');
  if (blob.toString('base64') !== encoded) throw new MalformedSSH('its key is not base64');
  const key = readSSHKey(blob);
  if (key.type !== type) throw new MalformedSSH(`its key is of kind ${key.type}, not ${type.slice(0, 64)}`);
  return key;
}

/** The first word, which may be in quotes as a whole, and what follows it. */
function firstWord(line: string): [string, string] {
  const found = /^(?:"([^"]*)"|([^\s"]+))(?:\s+(.*))?$/.exec(line);
  if (!found) throw new MalformedSSH('its principals are quoted badly');
  return [found[1] ?? found[2] ?? '', found[3] ?? ''];
}

/** Up to the first space that is not in quotes. */
function firstField(text: string): [string, string] {
  const found = /^((?:"(?:[^"\\]|\\.)*"|[^\s"])*)(?:\s+(.*))?$/.exec(text);
  if (!found) throw new MalformedSSH('its options are quoted badly');
  return [found[1] ?? '', found[2] ?? ''];
}

type Options = Pick<AllowedSigner, 'certAuthority' | 'namespaces' | 'validAfter' | 'validBefore' | 'noTouchRequired'>;

/** Names of options do not mind case; each may come once. */
function optionsOf(text: string): Options {
  const options: Options = { certAuthority: false, noTouchRequired: false };
  const seen = new Set<string>();
  for (const option of text === '' ? [] : separated(text)) {
    const { name: written, value } = /^(?<name>[A-Za-z-]+)(?:="(?<value>(?:[^"\\]|\\.)*)")?$/.exec(option)?.groups ?? {};
    const name = written?.toLowerCase() ?? '';
    if (seen.has(name)) throw new MalformedSSH(`its option ${name} comes twice`);
    seen.add(name);
    setOption(options, name === '' ? option : name, value?.replaceAll('\\"', '"'));
  }
  const { validAfter, validBefore } = options;
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter)
    throw new MalformedSSH('its valid-before is not after its valid-after');
  return options;
}

function separated(text: string): string[] {
  const options = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  if (options.join(',') !== text) throw new MalformedSSH('its options have a comma too many');
  return options;
}

function setOption(options: Options, name: string, value: string | undefined): void {
  if (value === undefined && name === 'cert-authority') options.certAuthority = true;
  else if (value === undefined && name === 'no-touch-required') options.noTouchRequired = true;
  else if (value !== undefined && name === 'namespaces') options.namespaces = value;
  else if (value !== undefined && name === 'valid-after') options.validAfter = timeOf(value, name);
  else if (value !== undefined && name === 'valid-before') options.validBefore = timeOf(value, name);
  else throw new MalformedSSH(`its option ${JSON.stringify(name.slice(0, 64))} is unknown`);
}

/** YYYYMMDD[HHMM[SS]], with Z or UTC. Without them it is UTC too: the local time that ssh-keygen takes is another on each machine. */
function timeOf(text: string, option: string): number {
  const digits = /^(\d{8}(?:\d{4}(?:\d{2})?)?)(?:Z|UTC)?$/i.exec(text)?.[1];
  const padded = digits?.padEnd(14, '0') ?? '';
  const iso = padded.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6.000Z');
  const time = Date.parse(iso);
  // A day that a month does not have would become another day.
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso)
    throw new MalformedSSH(`its ${option} is ${JSON.stringify(text.slice(0, 32))}, not a time as 20261231 or 202612312359Z`);
  return time;
}
