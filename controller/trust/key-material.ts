/** What kinds of keys a text holds: PEM, armored OpenPGP, lines of SSH. All of them, each with its fingerprint. */
import { StallingError } from '../api/errors.ts';
import { publicKeysOf } from './fingerprint.ts';
import { openPGPBlocks, readOpenPGPKeys } from './openpgp-keys.ts';
import { plainText } from './plain-text.ts';
import type { PolicyReason } from './reasons.ts';
import { sshKeysOf } from './ssh-line.ts';

export const maxKeyBytes = 65_536;
/** As many as an authority's status holds. */
const maxKeys = 64;

/** A public key of any kind, alone. */
export interface KeyMaterial {
  kind: 'key' | 'openPGP' | 'ssh';
  /** As TrustPolicy's revoked takes it. */
  fingerprint: string;
  algorithm: string;
  /** Whom it says to belong to; nobody has checked that. */
  identities: string[];
  /** Fingerprints of the subkeys of an OpenPGP key, which revoked takes too. */
  subkeys: string[];
  /** RFC 3339. */
  notAfter?: string;
  /** The key as a policy has it: PEM, armored, or a line of allowed_signers. */
  text: string;
}

/**
 * Every key in the text, each once.
 * @throws StallingError `InvalidKey` when there is none, one is broken or private; with no word of the text
 */
export async function readKeyMaterial(bytes: Uint8Array): Promise<KeyMaterial[]> {
  if (bytes.length > maxKeyBytes) throw invalid(`is larger than ${maxKeyBytes} bytes`);
  const text = Buffer.from(bytes).toString('utf8');
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(text))
    throw invalid('holds a private key, which nobody but the signer may have; give the public one, and make a new pair of keys');
  const armored = openPGPBlocks(text);
  if (armored.length === 0 && text.includes('-----BEGIN PGP ')) throw invalid(whatOfOpenPGP(text));
  const rest = text.replaceAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g, '');
  const found = [
    ...(rest.includes('-----BEGIN ') ? plainKeys(rest) : []),
    ...(armored.length > 0 ? await openPGPKeys(text) : []),
    ...sshKeys(rest),
  ];
  if (found.length === 0) throw invalid(noKey(bytes));
  if (found.length > maxKeys) throw invalid(`holds ${found.length} keys; ${maxKeys} are read at most`);
  return [...new Map(found.map(key => [key.fingerprint, withPlainIdentities(key)])).values()];
}

/** Whoever made the key wrote them. */
function withPlainIdentities(key: KeyMaterial): KeyMaterial {
  return { ...key, identities: key.identities.map(identity => plainText(identity, 256)) };
}

function plainKeys(pem: string): KeyMaterial[] {
  return publicKeysOf(pem).map(key => ({
    kind: 'key',
    fingerprint: key.fingerprint,
    algorithm: key.algorithm,
    identities: [],
    subkeys: [],
    text: key.pem,
  }));
}

async function openPGPKeys(text: string): Promise<KeyMaterial[]> {
  const keys = await readOpenPGPKeys(text);
  return keys.map(({ armored, ...key }) => ({ kind: 'openPGP', ...key, text: armored }));
}

function sshKeys(text: string): KeyMaterial[] {
  return sshKeysOf(text).map(({ line, ...key }) => ({ kind: 'ssh', ...key, subkeys: [], text: line }));
}

function whatOfOpenPGP(text: string): string {
  const [, label = ''] = /-----BEGIN (PGP [A-Z ]+)-----/.exec(text) ?? [];
  if (label === 'PGP PUBLIC KEY BLOCK') return 'holds an OpenPGP key that is cut';
  return `is ${label === 'PGP SIGNATURE' ? 'a signature of OpenPGP' : 'something of OpenPGP'}, and not a key (PGP PUBLIC KEY BLOCK)`;
}

/** Keys of OpenPGP begin with one of these when they are not armored. */
const binaryOpenPGP: ReadonlySet<number> = new Set([0x98, 0x99, 0x9a, 0xc6]);

function noKey(bytes: Uint8Array): string {
  const [first = 0] = bytes;
  if (binaryOpenPGP.has(first)) return 'may be an OpenPGP key that is not armored; gpg --armor --export writes it as text';
  return 'holds no key: neither PEM (BEGIN PUBLIC KEY), nor OpenPGP (BEGIN PGP PUBLIC KEY BLOCK), nor a line of SSH';
}

function invalid(message: string): StallingError {
  return new StallingError('InvalidKey' satisfies PolicyReason, message);
}
