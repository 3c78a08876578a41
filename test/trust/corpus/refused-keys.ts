/** Keys that do not count, and what a log proves of the time at which they signed. */
import { layered, type Rest } from './arrange.ts';
import { type CaseTable, type ImageCase, day, minute, noon } from './cases.ts';
import { trustedRoot } from './certificate-authority.ts';
import type { TestImage } from './image.ts';
import { newKey, type TestKey } from './keys.ts';
import { keyed, logged } from './policies.ts';
import { bundleNote, payloadOf, signatureNote, type SignedLayer, signedLayer } from './simple-signing.ts';
import { entryNote, hashedRecord, newLog } from './transparency-log.ts';

const trusted = ['images/release'];
const log = newLog();
const root = trustedRoot({ logs: [log] });
const at = (time: number): string => new Date(time).toISOString();

/** Signed, and written into the log at a time. */
function inLog(image: TestImage, key: TestKey, time: number): SignedLayer {
  const layer = signedLayer(key, payloadOf(image));
  const note = entryNote(log, hashedRecord(layer.payload, layer.annotations[signatureNote] ?? '', key.pem), time);
  return { ...layer, annotations: { ...layer.annotations, [bundleNote]: note } };
}

const plain = (rest: Rest): ImageCase['arrange'] => layered((image, { key }) => [signedLayer(key, payloadOf(image))], rest);
const entered = (time: number, rest: Rest): ImageCase['arrange'] => layered((image, { key }) => [inLog(image, key, time)], rest);

const validity: readonly ImageCase[] = [
  {
    name: 'within its time',
    arrange: plain({ by: ({ key }) => [keyed(key, { notBefore: at(noon - day), notAfter: at(noon + day) })] }),
    trusted,
  },
  {
    name: 'before its time',
    arrange: plain({ by: ({ key }) => [keyed(key, { notBefore: at(noon + 1) })] }),
    refused: ['NotYetValid'],
  },
  { name: 'after its time', arrange: plain({ by: ({ key }) => [keyed(key, { notAfter: at(noon - 1) })] }), refused: ['Expired'] },
  {
    name: 'after its time, and the log shows that it signed within',
    arrange: entered(noon - 2 * day, { by: ({ key }) => [logged(key, root, { notAfter: at(noon - day) })] }),
    trusted,
  },
  {
    name: 'after its time, and the log shows that it signed after it',
    arrange: entered(noon - minute, { by: ({ key }) => [logged(key, root, { notAfter: at(noon - day) })] }),
    refused: ['Expired'],
  },
  {
    name: 'within its time, and the log shows that it signed before it',
    arrange: entered(noon - 2 * day, { by: ({ key }) => [logged(key, root, { notBefore: at(noon - day) })] }),
    refused: ['NotYetValid'],
  },
];

const revoking = (since?: number) => (key: TestKey) => [
  { fingerprint: key.fingerprint, ...(since === undefined ? {} : { since: at(since) }) },
];

/** A policy that also revokes its own key. */
function revoked(since: number | undefined, make: ImageCase['arrange']): ImageCase['arrange'] {
  return async lab => {
    const arranged = await make(lab);
    const policies = arranged.policies.map(policy => ({
      ...policy,
      spec: { ...policy.spec, revoked: revoking(since)(lab.key) },
    }));
    return { ...arranged, policies };
  };
}

const inTheLog = { by: ({ key }: { key: TestKey }) => [logged(key, root)] };

const revocation: readonly ImageCase[] = [
  { name: 'revoked', arrange: revoked(undefined, plain({})), refused: ['Revoked'], reason: 'Revoked' },
  {
    name: 'revoked from a time on, and nothing shows when it signed',
    arrange: revoked(noon - day, plain({})),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
  {
    name: 'revoked from a time to come on, and nothing shows when it signed',
    arrange: revoked(noon + day, plain({})),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
  {
    name: 'revoked, though the log shows that it signed long ago',
    arrange: revoked(undefined, entered(noon - 300 * day, inTheLog)),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
  {
    name: 'revoked from a time on, and the log shows that it signed before',
    arrange: revoked(noon - day, entered(noon - 2 * day, inTheLog)),
    trusted,
  },
  {
    name: 'revoked from a time on, and the log shows that it signed after',
    arrange: revoked(noon - day, entered(noon - minute, inTheLog)),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
  {
    name: 'revoked from the very second of its entry',
    arrange: revoked(noon - day, entered(noon - day, inTheLog)),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
  {
    name: 'one of the two keys of an authority is revoked, the other signed',
    arrange: async lab => {
      const arranged = await plain({ by: ({ key, stranger }) => [keyed([stranger, key])] })(lab);
      const policies = arranged.policies.map(policy => ({
        ...policy,
        spec: { ...policy.spec, revoked: revoking()(lab.stranger) },
      }));
      return { ...arranged, policies };
    },
    trusted,
  },
  {
    name: 'revoked by a policy that covers something else',
    arrange: async lab => {
      const arranged = await plain({})(lab);
      const [policy] = arranged.policies;
      if (!policy) return arranged;
      const elsewhere = {
        ...policy,
        metadata: { name: 'incident' },
        spec: {
          ...policy.spec,
          scope: { prefix: 'registry.example.com/elsewhere' },
          authorities: [],
          revoked: revoking()(lab.key),
        },
      };
      return { ...arranged, policies: [policy, elsewhere] };
    },
    refused: ['Revoked'],
    reason: 'Revoked',
  },
];

const everyKind: readonly ImageCase[] = (['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'Ed25519'] as const).flatMap(
  kind => {
    const key = newKey(kind);
    const other = newKey(kind);
    const by = (): ReturnType<NonNullable<Rest['by']>> => [keyed(key)];
    return [
      { name: kind, arrange: layered(image => [signedLayer(key, payloadOf(image))], { by }), trusted },
      {
        name: `${kind}, by another key`,
        arrange: layered(image => [signedLayer(other, payloadOf(image))], { by }),
        refused: ['UnknownKey'],
      },
    ];
  },
);

export const refusedKeys: readonly CaseTable[] = [
  { title: 'times of keys', cases: validity, on: ['distribution'] },
  { title: 'revoked keys', cases: revocation, on: ['distribution'] },
  { title: 'kinds of keys', cases: everyKind, on: ['distribution'] },
];
