import type { SystemDefinitionSpec } from '../api/system-definition.ts';

/** What every line of authorized_keys has besides its options: the type, then base64 (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const key = /(?:^|\s)((?:ssh|ecdsa|sk)-[a-z0-9@.-]+)\s+(\S+)/;

/** Warnings about keys that sshd would pass over: who relies on such a key is locked out of every node. */
export function lintSshKeys({ users = [] }: SystemDefinitionSpec): string[] {
  return users.flatMap(({ sshAuthorizedKeys = [] }, i) =>
    sshAuthorizedKeys.flatMap((line, k) => {
      if (isPublicKey(line)) return [];
      // Not shown: people paste private keys.
      return [
        `spec.users[${i}].sshAuthorizedKeys[${k}]: this is no public key of OpenSSH, and sshd passes over it; copy the line of the .pub file`,
      ];
    }),
  );
}

/** The encoded key begins with the length and the name of its own type (RFC 4253, 6.6), and more follows. */
function isPublicKey(line: string): boolean {
  const [, type, text] = key.exec(line) ?? [];
  if (type === undefined || text === undefined) return false;
  const blob = Buffer.from(text, 'base64');
  if (blob.length < 4 || blob.length <= 4 + type.length) return false;
  return blob.readUInt32BE(0) === type.length && blob.toString('latin1', 4, 4 + type.length) === type;
}
