/** Entries of the transparency log that must not count, where an authority asks for them. */
import { bundled, layered, type Rest } from './arrange.ts';
import { bundleOf } from './bundle.ts';
import { type CaseTable, type ImageCase, minute, noon } from './cases.ts';
import { trustedRoot } from './certificate-authority.ts';
import { envelopeOf, statementOf } from './envelope.ts';
import type { TestImage } from './image.ts';
import { newKey, type TestKey } from './keys.ts';
import { keyed, logged } from './policies.ts';
import type { Json } from './repository.ts';
import { bundleNote, payloadOf, signatureNote, type SignedLayer, signedLayer } from './simple-signing.ts';
import { bundleEntry, entryNote, type EntryParts, envelopeRecord, hashedRecord, newLog } from './transparency-log.ts';

const trusted = ['images/release'];
const log = newLog();
const impostor = newLog(log.host);
const root = trustedRoot({ logs: [log] });
const required: Rest = { by: ({ key }) => [logged(key, root)] };
const optional: Rest = { by: ({ key }) => [logged(key, root, { transparencyLog: 'Optional' })] };

const recordOf = (layer: SignedLayer, key: TestKey): Json =>
  hashedRecord(layer.payload, layer.annotations[signatureNote] ?? '', key.pem);

/** A good signature with what `make` puts into the place of the log's entry. */
const noted = (
  make: (layer: SignedLayer, key: TestKey, image: TestImage) => string,
  rest: Rest = required,
): ImageCase['arrange'] =>
  layered((image, { key }) => {
    const layer = signedLayer(key, payloadOf(image));
    return [{ ...layer, annotations: { ...layer.annotations, [bundleNote]: make(layer, key, image) } }];
  }, rest);

const good = (layer: SignedLayer, key: TestKey): string => entryNote(log, recordOf(layer, key), noon - minute);

/** An entry whose payload was changed after the log had signed it. */
const changed = (change: (payload: Json) => Json): ImageCase['arrange'] =>
  noted((layer, key) => {
    const note = JSON.parse(good(layer, key)) as { Payload: Json };
    return JSON.stringify({ ...note, Payload: { ...note.Payload, ...change(note.Payload) } });
  });

const unlogged: ImageCase['arrange'] = layered((image, { key }) => [signedLayer(key, payloadOf(image))], required);

const annotations: readonly ImageCase[] = [
  { name: 'a good entry', arrange: noted(good), trusted },
  { name: 'no entry', arrange: unlogged, refused: ['NotLogged'] },
  {
    name: 'no entry, and none is needed',
    arrange: layered((image, { key }) => [signedLayer(key, payloadOf(image))], optional),
    trusted,
  },
  {
    name: 'a bad entry, and none is needed',
    arrange: noted((layer, key) => entryNote(impostor, recordOf(layer, key), noon), optional),
    refused: ['LogInvalid'],
  },
  {
    name: 'a good entry, and no root that has the key of its log',
    arrange: noted(good, { by: ({ key }) => [keyed(key, { transparencyLog: 'Required' })] }),
    refused: ['RootInvalid'],
  },
  {
    name: 'a bad entry, and the log is ignored',
    arrange: noted((layer, key) => entryNote(impostor, recordOf(layer, key), noon), { by: ({ key }) => [keyed(key)] }),
    trusted,
  },
  {
    name: 'the entry of another log',
    arrange: noted((layer, key) => entryNote(impostor, recordOf(layer, key), noon)),
    refused: ['LogInvalid'],
  },
  {
    name: 'the entry of another log, in the name of the right one',
    arrange: noted((layer, key) =>
      entryNote({ ...impostor, key: { ...impostor.key, fingerprint: log.key.fingerprint } }, recordOf(layer, key), noon),
    ),
    refused: ['LogInvalid'],
  },
  { name: 'another time', arrange: changed(() => ({ integratedTime: 1 })), refused: ['LogInvalid'] },
  { name: 'another place in the log', arrange: changed(() => ({ logIndex: 42 })), refused: ['LogInvalid'] },
  {
    name: 'a promise that is none',
    arrange: noted((layer, key) => JSON.stringify({ ...(JSON.parse(good(layer, key)) as Json), SignedEntryTimestamp: 'AAAA' })),
    refused: ['LogInvalid'],
  },
  {
    name: 'no promise',
    arrange: noted((layer, key) =>
      JSON.stringify({ ...(JSON.parse(good(layer, key)) as Json), SignedEntryTimestamp: undefined }),
    ),
    refused: ['Malformed'],
  },
  {
    name: 'an entry about another payload',
    arrange: noted((layer, key) => entryNote(log, recordOf({ ...layer, payload: Buffer.from('{}') }, key), noon)),
    refused: ['LogInvalid'],
  },
  {
    name: 'an entry about another signature',
    arrange: noted((layer, key) => entryNote(log, recordOf(signedLayer(key, layer.payload), key), noon)),
    refused: ['LogInvalid'],
  },
  {
    name: 'an entry in the name of another key',
    arrange: noted(layer => entryNote(log, recordOf(layer, newKey()), noon)),
    refused: ['LogInvalid'],
  },
  { name: 'no JSON', arrange: noted(() => 'entry'), refused: ['Malformed'] },
  {
    name: 'an entry from after the end of the log',
    arrange: noted(good, { by: ({ key }) => [logged(key, trustedRoot({ logs: [log], until: noon - 60 * minute }))] }),
    refused: ['LogInvalid'],
  },
  {
    name: 'a trusted root without any log',
    arrange: noted(good, { by: ({ key }) => [logged(key, trustedRoot({}))] }),
    refused: ['LogInvalid'],
  },
];

type Entries = (image: TestImage, key: TestKey) => { envelope: ReturnType<typeof envelopeOf>; entries: Json[] };

const inBundle = (make: Entries, rest: Rest = required): ImageCase['arrange'] =>
  bundled((image, { key }) => {
    const { envelope, entries } = make(image, key);
    return bundleOf(envelope, { log: entries });
  }, rest);

/** A good envelope and one entry about it. */
const entered = (o: EntryParts, change: (entry: Json) => Json = entry => entry, in_ = log): ImageCase['arrange'] =>
  inBundle((image, key) => {
    const envelope = envelopeOf(statementOf(image), [key]);
    return { envelope, entries: [change(bundleEntry(in_, envelopeRecord(envelope, key.pem), noon - minute, o))] };
  });

const proofOf = (entry: Json): Json => entry['inclusionProof'] as Json;
const withProof = (change: (proof: Json) => Json) => (entry: Json) => ({
  ...entry,
  inclusionProof: { ...proofOf(entry), ...change(proofOf(entry)) },
});

const bundles: readonly ImageCase[] = [
  { name: 'a good entry with promise and proof', arrange: entered({}), trusted },
  {
    name: 'no entry',
    arrange: inBundle((image, key) => ({ envelope: envelopeOf(statementOf(image), [key]), entries: [] })),
    refused: ['NotLogged'],
  },
  { name: 'a good entry with a proof only', arrange: entered({ promise: false }), trusted },
  { name: 'an entry without a proof, which version 0.3 has to have', arrange: entered({ proof: false }), refused: ['Malformed'] },
  { name: 'the entry of another log', arrange: entered({}, entry => entry, impostor), refused: ['LogInvalid'] },
  {
    name: 'another time than was promised',
    arrange: entered({}, entry => ({ ...entry, integratedTime: '1' })),
    refused: ['LogInvalid'],
  },
  {
    name: 'a proof whose hashes lead elsewhere',
    arrange: entered(
      {},
      withProof(() => ({ hashes: [Buffer.alloc(32).toString('base64')] })),
    ),
    refused: ['LogInvalid'],
  },
  {
    name: 'a checkpoint that another log signed',
    arrange: entered({}, entry =>
      withProof(() => ({
        checkpoint: proofOf(bundleEntry(impostor, { kind: 'dsse', apiVersion: '0.0.1' }, noon))['checkpoint'],
      }))(entry),
    ),
    refused: ['LogInvalid'],
  },
  {
    name: 'a place that is not in the log',
    arrange: entered(
      {},
      withProof(() => ({ logIndex: '7' })),
    ),
    refused: ['LogInvalid'],
  },
  {
    name: 'an entry about another statement',
    arrange: inBundle((image, key) => ({
      envelope: envelopeOf(statementOf(image), [key]),
      entries: [bundleEntry(log, envelopeRecord(envelopeOf(statementOf(image, { predicate: { a: 1 } }), [key]), key.pem), noon)],
    })),
    refused: ['LogInvalid'],
  },
  {
    name: 'an entry in the name of another key',
    arrange: inBundle((image, key) => {
      const envelope = envelopeOf(statementOf(image), [key]);
      return { envelope, entries: [bundleEntry(log, envelopeRecord(envelope, newKey().pem), noon)] };
    }),
    refused: ['LogInvalid'],
  },
];

export const refusedLogs: readonly CaseTable[] = [
  { title: 'entries of the log beside signatures', cases: annotations, on: ['distribution'] },
  { title: 'entries of the log in bundles', cases: bundles, on: ['referrers'] },
];
