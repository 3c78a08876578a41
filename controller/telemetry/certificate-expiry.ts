/** When certificates expire that the controller was given. */
import { X509Certificate } from 'node:crypto';
import { metrics } from './metrics.ts';

/** Epoch ms at which the first certificate of a PEM text expires; undefined when it holds none that can be read. */
export function firstExpiry(pem: string): number | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const times = blocks.flatMap(block => {
    try {
      return [Date.parse(new X509Certificate(block).validTo)];
    } catch {
      // Whoever uses it says what is wrong with it.
      return [];
    }
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Shows when the first of some PEM texts from one object (`Secret/name`) expires. */
export function showExpiry(object: string, pems: readonly (string | undefined)[]): void {
  const times = pems.flatMap(pem => (pem === undefined ? [] : (firstExpiry(pem) ?? [])));
  if (times.length === 0) metrics.certificateExpiry.remove({ object });
  else metrics.certificateExpiry.set({ object }, Math.min(...times) / 1000);
}
