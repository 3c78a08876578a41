/** What one candidate may cost: bounds that hold before anything of it is given to a library. Whoever may push to a repository may attach what he likes. Pure. */
import type { SignatureNotes } from './candidate.ts';
import { RefusedCandidate } from './refused.ts';

/** Characters. Certificates and timestamps have some thousand; the body of a log entry may hold a key and signatures as well. */
const longest = { certificate: 65_536, timestamp: 65_536, logEntry: 131_072 };
/** A log entry as cosign notes it is JSON around the body. */
const longestNote = 262_144;
const most = { logEntries: 4, timestamps: 4, certificates: 10, hashes: 64, subjects: 1_024 };

/** @throws RefusedCandidate `TooLarge` for a bundle with more, or longer, parts than any signature has */
export function checkBundleCosts(bundle: object): void {
  const material = memberOf(bundle, 'verificationMaterial');
  const chain = listOf(memberOf(memberOf(material, 'x509CertificateChain'), 'certificates'));
  atMost(chain.length, most.certificates, 'certificates');
  for (const certificate of [...chain, memberOf(material, 'certificate')])
    notLonger(memberOf(certificate, 'rawBytes'), longest.certificate, 'a certificate');
  const entries = listOf(memberOf(material, 'tlogEntries'));
  atMost(entries.length, most.logEntries, 'log entries');
  for (const entry of entries) {
    notLonger(memberOf(entry, 'canonicalizedBody'), longest.logEntry, 'a log entry');
    atMost(listOf(memberOf(memberOf(entry, 'inclusionProof'), 'hashes')).length, most.hashes, 'hashes of a proof');
  }
  const timestamps = listOf(memberOf(memberOf(material, 'timestampVerificationData'), 'rfc3161Timestamps'));
  atMost(timestamps.length, most.timestamps, 'timestamps');
  for (const timestamp of timestamps) notLonger(memberOf(timestamp, 'signedTimestamp'), longest.timestamp, 'a timestamp');
}

/** @throws RefusedCandidate `TooLarge` */
export function checkNoteCosts({ certificate, logEntry, timestamp }: SignatureNotes): void {
  notLonger(certificate, longest.certificate, 'a certificate');
  notLonger(logEntry, longestNote, 'a log entry');
  notLonger(timestamp, longest.timestamp, 'a timestamp');
}

/** @throws RefusedCandidate `TooLarge` */
export function checkSubjectCosts(subjects: readonly unknown[]): void {
  atMost(subjects.length, most.subjects, 'subjects');
}

function atMost(count: number, limit: number, what: string): void {
  if (count > limit) throw new RefusedCandidate('TooLarge', `it has ${count} ${what}; ${limit} are read`);
}

function notLonger(text: unknown, limit: number, what: string): void {
  if (typeof text !== 'string' || text.length <= limit) return;
  throw new RefusedCandidate('TooLarge', `it has ${what} of ${text.length} characters; ${limit} are read`);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}
