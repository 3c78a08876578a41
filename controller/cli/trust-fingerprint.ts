/** Fingerprints on the command line. */
import { UsageError } from '../command-line.ts';
import { fingerprintFrom } from './trust-edit.ts';

/** A whole fingerprint, as policies have it: the beginning of one is that of many keys. Throws UsageError. */
export function fingerprintOf(text: string): string {
  const fingerprint = fingerprintFrom(text);
  if (fingerprint !== undefined) return fingerprint;
  throw new UsageError(`"${text}" is no whole fingerprint: 40 or 64 hex digits, or SHA256: and 43 characters`);
}
