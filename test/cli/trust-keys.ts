/** Keys as people have them in files. */
import { generateKeyPairSync } from 'node:crypto';
import { generateKey } from 'openpgp';
import { readKeyMaterial } from '../../controller/trust/key-material.ts';

export interface TestKey {
  text: string;
  fingerprint: string;
}

async function described(text: string): Promise<TestKey> {
  const [key] = await readKeyMaterial(Buffer.from(text));
  return { text, fingerprint: key?.fingerprint ?? '' };
}

/** As cosign.pub. */
export function cosignKey(): Promise<TestKey> {
  return described(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  );
}

/** Armored. */
export async function openPGPKey(name: string): Promise<TestKey> {
  const { publicKey } = await generateKey({ userIDs: [{ name, email: `${name}@example.com` }], format: 'armored' });
  return described(publicKey);
}

const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);

/** As ssh-keygen writes a .pub file. */
export function sshKey(comment: string): Promise<TestKey> {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '';
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(raw, 'base64url'))]);
  return described(`ssh-ed25519 ${blob.toString('base64')} ${comment}\n`);
}
