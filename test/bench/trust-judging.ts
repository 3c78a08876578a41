/** How many signatures of each form are judged in a second, by the thread's own code and without a registry. */
import type { Candidate } from '../../controller/trust/candidate.ts';
import { judgeCandidates } from '../../controller/trust/judge-image.ts';
import type { ImageAuthority, KeyAuthority, KeylessAuthority } from '../../controller/trust/rules.ts';
import { issuer, keylessBundle, keylessLayer, log, root, subject } from '../trust/corpus/keyless.ts';
import { bundleEntry, envelopeRecord } from '../trust/corpus/transparency-log.ts';
import {
  bundle,
  digest,
  envelope,
  image,
  keyAuthority,
  type KeyKind,
  newPair,
  now,
  type Pair,
  rulesOf,
  simple,
} from '../trust/signed-fixture.ts';
import { bundleNote, certificateNote, signatureNote } from '../trust/corpus/simple-signing.ts';
import type { Measure } from './measure.ts';

const measuredMs = 400;

interface Form {
  name: string;
  authority: ImageAuthority;
  candidate: Candidate;
}

/** What the fixtures of bundles need to know of an image. */
const signed = { hex: digest.slice(7), digest } as Parameters<typeof keylessBundle>[0];

export function measureJudging(progress: (line: string) => void): Measure[] {
  progress('signatures of each form, one after another');
  return forms().map(({ name, authority, candidate }) => {
    const rules = rulesOf([authority]);
    const judge = (): string => judgeCandidates({ rules, image, now }, [candidate]).decision;
    for (let i = 0; i < 20; i++) if (judge() !== 'Trusted') throw new Error(`${name} is not trusted`);
    let count = 0;
    const begun = process.cpuUsage();
    for (; usedMs(begun) < measuredMs; count++) judge();
    return { measure: `judged in a second of one core: ${name}`, value: (count * 1000) / usedMs(begun), unit: '/s' };
  });
}

/** Of this process, because others may have the rest of the machine. */
function usedMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function forms(): Form[] {
  const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa', 'ed25519'];
  const plain = kinds.flatMap(kind => {
    const pair = newPair(kind);
    const authority = keyAuthority('release', [pair]);
    return [
      { name: `signature, ${pair.publicKey.algorithm}`, authority, candidate: simple(pair) },
      { name: `bundle, ${pair.publicKey.algorithm}`, authority, candidate: bundle(pair) },
    ];
  });
  const logged = newPair();
  const loggedBy: KeyAuthority = { ...keyAuthority('release', [logged]), transparencyLog: 'Required', trustedRoot: root };
  const ci: KeylessAuthority = {
    kind: 'keyless',
    policy: 'os',
    name: 'ci',
    identities: [{ issuer, subject }],
    trustedRoot: root,
  };
  return [
    ...plain,
    { name: 'bundle, ecdsa-p256, with log', authority: loggedBy, candidate: withEntry(logged) },
    { name: 'bundle, certificate', authority: ci, candidate: asBundle(keylessBundle(signed)) },
    { name: 'signature, certificate', authority: ci, candidate: certified() },
  ];
}

function withEntry(pair: Pair): Candidate {
  return bundle(pair, {
    change: json => {
      const record = envelopeRecord(json['dsseEnvelope'] as Parameters<typeof envelopeRecord>[0], pair.publicKey.pem);
      json['verificationMaterial'] = { publicKey: { hint: '' }, tlogEntries: [bundleEntry(log, record, now)] };
    },
  });
}

function asBundle(json: object): Candidate {
  return { kind: 'bundle', digest: 'sha256:bundle', bytes: Buffer.from(JSON.stringify(json)) };
}

function certified(): Candidate {
  const { payload, annotations } = keylessLayer({ ...signed, repository: { name: 'registry.test/os/edge' } } as Parameters<
    typeof keylessLayer
  >[0]);
  const note = (name: string): string => String(annotations[name]);
  return {
    kind: 'simple',
    digest: 'sha256:payload',
    bytes: payload,
    notes: { signature: note(signatureNote), certificate: note(certificateNote), logEntry: note(bundleNote) },
  };
}

/** As much as is looked at of one image, and all of it in vain. */
export function mostCandidates(stranger: Pair): Candidate[] {
  const filler = 'x'.repeat(700 * 1024);
  return Array.from({ length: 64 }, (_, i) => {
    const predicate = { filler, i };
    return envelope(stranger, {
      statement: {
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ digest: { sha256: signed.hex } }],
        predicateType: 'https://slsa.dev/provenance/v1',
        predicate,
      },
    });
  });
}
