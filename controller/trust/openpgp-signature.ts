/** OpenPGP signatures of commits and tags. The library is a module of its own beside the bundle, loaded with the first key (docs/adr/0033). */
import type { Key, Signature, SignaturePacket, Subkey } from 'openpgp';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { KeyFacts } from './rules.ts';
import { MalformedOpenPGP, signaturePacket } from './openpgp-packet.ts';
import type { CommitReason, PolicyReason } from './reasons.ts';
import type { Validity } from './validity.ts';

type Library = typeof import('openpgp');

export interface OpenPGPSignature {
  signature: Signature;
  packet: SignaturePacket;
  /** When it was made, as it says. Epoch milliseconds. */
  created: number;
}

/** A key that made the signature. Whether it counts at its time, and is not revoked by a policy, is for others to say. */
export interface OpenPGPSigner extends Validity {
  /** Of the primary key, and of the one that signed. */
  fingerprint: string;
  signing: string;
  /** Its first user id. */
  identity: string;
}

export interface OpenPGPVerdict {
  /** Absent when no key has the id that the signature names. */
  signer?: OpenPGPSigner;
  /** Absent when the signature holds. */
  failure?: { reason: CommitReason; message: string };
}

/** Hours by which the clock of who signs may be ahead of ours, in milliseconds. */
const skewMs = 3_600_000;
const hashes: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512', 'sha3_256', 'sha3_512']);

let loaded: Promise<Library> | undefined;

/** The library. Nothing of the configuration it has is relied upon. */
function library(): Promise<Library> {
  loaded ??= import('openpgp').catch((error: unknown) => {
    loaded = undefined;
    const message = `the module openpgp, which is beside the program, cannot be loaded: ${messageOf(error)}`;
    throw new TransientError('OpenPGPUnavailable' satisfies CommitReason, message, { cause: error });
  });
  return loaded;
}

/** Keys of one or more armored blocks in each text; of copies of a key what all of them say. @throws StallingError `InvalidKey` */
export async function readOpenPGPKeyring(texts: readonly string[]): Promise<Key[]> {
  const { readKeys } = await library();
  const keys = new Map<string, Key>();
  for (const text of texts) {
    const blocks = text.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g) ?? [];
    if (blocks.length === 0) throw invalidKey('holds no armored OpenPGP public key');
    for (const armoredKeys of blocks) {
      const read = await readKeys({ armoredKeys }).catch((error: unknown) => {
        throw invalidKey(`is no OpenPGP key that can be read: ${messageOf(error)}`);
      });
      for (const key of read) {
        const known = keys.get(key.getFingerprint());
        keys.set(key.getFingerprint(), known ? await mergedKey(known, key) : key);
      }
    }
  }
  if ([...keys.values()].some(key => key.isPrivate()))
    throw invalidKey('holds a private key, which nobody but the signer may have');
  return [...keys.values()];
}

/** As gpg imports a copy of a key that it has: an older one takes nothing away. */
async function mergedKey(known: Key, other: Key): Promise<Key> {
  const merged = await known.update(other).catch((error: unknown) => {
    throw invalidKey(`holds two copies of the key ${known.getFingerprint()} that do not go together: ${messageOf(error)}`);
  });
  // Merging leaves out revocations that the library cannot verify.
  shareRevocations([known, other, merged]);
  return merged;
}

/** What its owner has revoked in one copy of a key is revoked in the others. Nothing else passes from one authority's copy to another's. */
export function shareRevocations(keys: readonly Key[]): void {
  for (const copies of Map.groupBy(keys, key => key.getFingerprint()).values()) {
    if (copies.length === 1) continue;
    const subkeys = copies.flatMap(key => key.subkeys);
    for (const same of [copies, ...Map.groupBy(subkeys, subkey => subkey.getFingerprint()).values()]) {
      const revocations = same.flatMap(one => one.revocationSignatures);
      for (const one of same) if (one.revocationSignatures.length === 0) one.revocationSignatures.push(...revocations);
    }
  }
}

/** What is shown of a key. */
export async function openPGPKeyFacts(key: Key): Promise<KeyFacts> {
  const { algorithm, bits, curve } = key.getAlgorithmInfo();
  const { fingerprint, identity, notBefore, notAfter } = await signerOf(key, key);
  return {
    fingerprint,
    algorithm: [algorithm, curve ?? bits]
      .filter(part => part !== undefined)
      .join('-')
      .slice(0, 32),
    identity,
    subkeys: key.subkeys.map(subkey => subkey.getFingerprint()),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
  };
}

/** @throws MalformedOpenPGP for what is not one signature of a document by a key that counts */
export async function readOpenPGPSignature(armored: Buffer): Promise<OpenPGPSignature> {
  const binarySignature = signaturePacket(armored);
  const { enums, readSignature } = await library();
  const signature = await readSignature({ binarySignature }).catch((error: unknown) => {
    throw new MalformedOpenPGP(`it cannot be read: ${messageOf(error)}`);
  });
  const [packet, ...others] = signature.packets;
  if (!packet || others.length > 0) throw new MalformedOpenPGP('it is not one signature');
  if (packet.signatureType !== enums.signature.binary) throw new MalformedOpenPGP('it is no signature of a document');
  const hash = packet.hashAlgorithm === null ? 'none' : enums.read(enums.hash, packet.hashAlgorithm);
  if (!hashes.has(hash)) throw new MalformedOpenPGP(`it is over ${hash.toUpperCase()}, which does not count`);
  if (!packet.created) throw new MalformedOpenPGP('it does not say when it was made');
  return { signature, packet, created: packet.created.getTime() };
}

/** What the keys say of the signature. Each key is asked whose id it names; a signature does not have to name the right one, but then nothing is right. */
export async function verifyOpenPGP(o: {
  signature: OpenPGPSignature;
  payload: Buffer;
  keys: readonly Key[];
  now: number;
}): Promise<OpenPGPVerdict> {
  const { issuerKeyID } = o.signature.packet;
  const message = `it is by the OpenPGP key ${issuerKeyID.toHex()}, which is not among its keys`;
  let verdict: OpenPGPVerdict = { failure: { reason: 'UnknownKey', message } };
  for (const key of o.keys) {
    const [signing] = key.getKeys(issuerKeyID);
    if (!signing) continue;
    verdict = await verifyByKey(o, key, signing);
    if (!verdict.failure) break;
  }
  return verdict;
}

type Check = Parameters<typeof verifyOpenPGP>[0];

async function verifyByKey({ signature, payload, now }: Check, key: Key, signing: Key | Subkey): Promise<OpenPGPVerdict> {
  const { createMessage, enums, verify } = await library();
  const signer = await signerOf(key, signing);
  // A revocation that is there counts, also one that the library would not accept and therefore not heed.
  if (key.revocationSignatures.length > 0 || signing.revocationSignatures.length > 0)
    return { signer, failure: { reason: 'RevokedKey', message: `its key ${signer.signing} is revoked by its owner` } };
  const config = {
    rejectHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd, enums.hash.sha1]),
    rejectMessageHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd, enums.hash.sha1, enums.hash.sha224]),
    rejectPublicKeyAlgorithms: new Set([enums.publicKey.elgamal, enums.publicKey.dsa]),
    minRSABits: 2048,
    allowInsecureVerificationWithReformattedKeys: false,
    knownNotations: [],
  };
  const message = await createMessage({ binary: payload, format: 'binary' });
  const result = await verify({
    message,
    signature: signature.signature,
    verificationKeys: [key],
    format: 'binary',
    date: new Date(now + skewMs),
    config,
  });
  const [found, ...others] = result.signatures;
  if (!found || others.length > 0) return { signer, failure: { reason: 'Malformed', message: 'it is not one signature' } };
  try {
    await found.verified;
    return { signer };
  } catch (error) {
    return { signer, failure: failureOf(messageOf(error), signer) };
  }
}

/** The library's words, sorted by what a person has to do. */
function failureOf(words: string, signer: OpenPGPSigner): { reason: CommitReason; message: string } {
  if (/digest did not match|verification failed/i.test(words))
    return { reason: 'BadSignature', message: `it is not by its key ${signer.signing}, or what it is of was changed` };
  if (/creation time is in the future/i.test(words)) return { reason: 'FutureDate', message: 'it is dated in the future' };
  if (/signature is expired/i.test(words)) return { reason: 'Expired', message: 'it says itself that it no longer counts' };
  if (/expired|not valid|not yet/i.test(words))
    return { reason: 'Expired', message: `its key ${signer.signing} did not count when it was made: ${words}` };
  return { reason: 'WeakSignature', message: `its key ${signer.signing} does not count: ${words}` };
}

async function signerOf(key: Key, signing: Key | Subkey): Promise<OpenPGPSigner> {
  const ends = await Promise.all([key.getExpirationTime(), signing.getExpirationTime()]);
  const notAfter = Math.min(...ends.map(end => (end === null ? -Infinity : end instanceof Date ? end.getTime() : Infinity)));
  return {
    fingerprint: key.getFingerprint(),
    signing: signing.getFingerprint(),
    identity: (key.getUserIDs()[0] ?? '').slice(0, 256),
    notBefore: key.getCreationTime().getTime(),
    ...(notAfter === Infinity ? {} : { notAfter: Math.max(0, notAfter) }),
  };
}

function invalidKey(message: string): StallingError {
  return new StallingError('InvalidKey' satisfies PolicyReason, message);
}
