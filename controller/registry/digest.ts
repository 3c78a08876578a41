import { createHash } from 'node:crypto';

/** `sha256:<64 hex>` of the bytes, as OCI descriptors write it. */
export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** True for the one form of digest that Scantling makes and accepts: `sha256:<64 lower-case hex>`. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}
