/** Armored OpenPGP keys: which there are, and whose they say to be. */
import { openPGPKeyFacts, readOpenPGPKeyring } from './openpgp-signature.ts';

export interface OpenPGPKey {
  /** Lower-case hex of the primary key. */
  fingerprint: string;
  algorithm: string;
  subkeys: string[];
  /** User ids. */
  identities: string[];
  /** RFC 3339; absent when it has no end. */
  notAfter?: string;
  /** This key alone, armored. */
  armored: string;
}

const block = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/** The armored blocks of a text, in order. */
export function openPGPBlocks(text: string): string[] {
  return [...text.matchAll(block)].map(([found]) => `${found}\n`);
}

/**
 * Every key of every block, each once: an armored file of several keys has them all.
 * @throws StallingError `InvalidKey`, with no word of the text; TransientError when the library cannot be loaded
 */
export async function readOpenPGPKeys(text: string): Promise<OpenPGPKey[]> {
  const keys = await readOpenPGPKeyring(openPGPBlocks(text));
  return Promise.all(
    keys.map(async key => {
      const { fingerprint, algorithm = '', notAfter } = await openPGPKeyFacts(key);
      return {
        fingerprint,
        algorithm,
        subkeys: key.subkeys.map(subkey => subkey.getFingerprint()),
        identities: key.users.flatMap(({ userID }) => (userID?.userID ? [userID.userID] : [])),
        ...(notAfter === undefined ? {} : { notAfter: new Date(notAfter).toISOString() }),
        armored: key.armor(),
      };
    }),
  );
}
