/** Statements that a policy asks for besides signatures: of another builder, source or commit, by somebody who may not make them, about another image. */
import type { TrustPolicySpec } from '../../../controller/api/trust-policy.ts';
import { stored, type Rest } from './arrange.ts';
import { attachBundle, bundleOf, signedBundle } from './bundle.ts';
import { type CaseTable, type ImageCase } from './cases.ts';
import { envelopeOf, provenanceOf, type ProvenanceParts, provenancePredicate, statementOf } from './envelope.ts';
import { newImage, type TestImage } from './image.ts';
import type { TestKey } from './keys.ts';
import { keyed } from './policies.ts';
import { pushLayers, signImageWith } from './simple-signing.ts';

const trusted = ['images/release'];
const spdx = 'https://spdx.dev/Document';
type Asked = NonNullable<TrustPolicySpec['attestations']>[number];

const provenance = (o: Partial<Asked> = {}): Rest => ({ attestations: [{ predicateType: provenancePredicate, ...o }] });

const provenanceBundle = (image: TestImage, key: TestKey, parts: ProvenanceParts = {}): ReturnType<typeof signedBundle> =>
  signedBundle(image, key, { predicateType: provenancePredicate, predicate: provenanceOf(parts) });

/** A signed image with provenance by the same key. */
const built = (parts: ProvenanceParts, rest: Rest): ImageCase['arrange'] =>
  stored(async (image, { key }) => {
    await signImageWith(image, key);
    await attachBundle(image, provenanceBundle(image, key, parts));
  }, rest);

/** A signed image with what else is made of it. */
const signed = (
  also: (image: TestImage, key: TestKey, stranger: TestKey) => Promise<unknown>,
  rest: Rest = provenance(),
): ImageCase['arrange'] =>
  stored(async (image, { key, stranger }) => {
    await signImageWith(image, key);
    await also(image, key, stranger);
  }, rest);

const commit = 'c'.repeat(40);
const asked = { builder: 'https://builder.example.com/one', source: 'https://git.example.com/os' };

const content: readonly ImageCase[] = [
  { name: 'provenance, and nothing said of it', arrange: built({}, provenance()), trusted },
  { name: 'the builder and the source', arrange: built({}, provenance(asked)), trusted },
  {
    name: 'another builder',
    arrange: built({ builder: 'https://builder.example.com/two' }, provenance(asked)),
    refused: ['WrongBuilder'],
  },
  {
    name: 'a builder that goes on',
    arrange: built({ builder: `${asked.builder}-evil` }, provenance(asked)),
    refused: ['WrongBuilder'],
  },
  {
    name: 'another source',
    arrange: built({ source: 'https://git.example.com/other' }, provenance(asked)),
    refused: ['WrongSource'],
  },
  {
    name: 'a source that goes on',
    arrange: built({ source: `${asked.source}-evil` }, provenance(asked)),
    refused: ['WrongSource'],
  },
  { name: 'the commit that is known', arrange: built({ commit }, { ...provenance({ commit: 'Known' }), commit }), trusted },
  {
    name: 'another commit',
    arrange: built({ commit: 'd'.repeat(40) }, { ...provenance({ commit: 'Known' }), commit }),
    refused: ['WrongCommit'],
  },
  {
    name: 'the beginning of the commit',
    arrange: built({ commit: commit.slice(0, 12) }, { ...provenance({ commit: 'Known' }), commit }),
    refused: ['WrongCommit'],
  },
  {
    name: 'a commit, and none is known',
    arrange: built({ commit }, provenance({ commit: 'Known' })),
    refused: ['CommitUnknown'],
  },
  {
    name: 'a predicate that is no provenance',
    arrange: signed(
      (image, key) => attachBundle(image, signedBundle(image, key, { predicateType: provenancePredicate, predicate: 'built' })),
      provenance(asked),
    ),
    says: /builder|predicate/,
  },
  {
    name: 'good provenance beside that of another builder',
    arrange: signed(async (image, key) => {
      await attachBundle(image, provenanceBundle(image, key, { builder: 'https://builder.example.com/two' }));
      await attachBundle(image, provenanceBundle(image, key));
    }, provenance(asked)),
    trusted,
  },
];

const missing: readonly ImageCase[] = [
  { name: 'no statement', arrange: signed(() => Promise.resolve()), says: /provenance/ },
  {
    name: 'a statement of another type',
    arrange: signed((image, key) => attachBundle(image, signedBundle(image, key, { predicateType: spdx }))),
    says: /provenance/,
  },
  {
    name: 'one of two statements',
    arrange: built({}, { attestations: [{ predicateType: provenancePredicate }, { predicateType: spdx }] }),
    says: /spdx/,
  },
  {
    name: 'both of two statements',
    arrange: signed(
      async (image, key) => {
        await attachBundle(image, provenanceBundle(image, key));
        await attachBundle(image, signedBundle(image, key, { predicateType: spdx }));
      },
      { attestations: [{ predicateType: provenancePredicate }, { predicateType: spdx }] },
    ),
    trusted,
  },
  {
    name: 'a statement, and no signature',
    arrange: stored((image, { key }) => attachBundle(image, provenanceBundle(image, key)), provenance()),
    refused: [],
  },
  {
    name: 'the statement of another image',
    arrange: signed(async (image, key) => attachBundle(image, provenanceBundle(await newImage(image.repository), key))),
    refused: ['WrongDigest'],
  },
];

/** Two authorities, of which the second may make statements. */
const separate: Rest = {
  ...provenance({ authorities: ['builder'] }),
  by: ({ key, stranger }) => [keyed(key), keyed(stranger, { name: 'builder' })],
};

const makers: readonly ImageCase[] = [
  {
    name: 'by a key nobody trusts',
    arrange: signed((image, _, stranger) => attachBundle(image, provenanceBundle(image, stranger))),
    refused: ['UnknownKey'],
  },
  { name: 'by an authority that may not', arrange: built({}, separate), refused: ['WrongAuthority'] },
  {
    name: 'by the authority that may',
    arrange: signed((image, _, stranger) => attachBundle(image, provenanceBundle(image, stranger)), separate),
    trusted: ['images/builder', 'images/release'],
  },
  {
    name: 'nobody signed it',
    arrange: signed((image, key) =>
      attachBundle(image, { ...provenanceBundle(image, key), dsseEnvelope: envelopeOf(statementOf(image), []) }),
    ),
    refused: ['SeveralSignatures'],
  },
  {
    name: 'in the form of cosign 1 and 2',
    arrange: signed((image, key) => {
      const statement = statementOf(image, {
        type: 'https://in-toto.io/Statement/v0.1',
        predicateType: provenancePredicate,
        predicate: provenanceOf(),
      });
      const layer = {
        payload: Buffer.from(JSON.stringify(envelopeOf(statement, [key]))),
        annotations: { predicateType: provenancePredicate },
        mediaType: 'application/vnd.dsse.envelope.v1+json',
      };
      return pushLayers(image.repository, image.digest, [layer], 'att');
    }, provenance(asked)),
    trusted,
  },
  {
    name: 'in the form of cosign 1 and 2, its annotation says another type',
    arrange: signed((image, key) => {
      const layer = {
        payload: Buffer.from(JSON.stringify(envelopeOf(statementOf(image), [key]))),
        annotations: { predicateType: provenancePredicate },
        mediaType: 'application/vnd.dsse.envelope.v1+json',
      };
      return pushLayers(image.repository, image.digest, [layer], 'att');
    }, provenance(asked)),
    says: /provenance/,
  },
  {
    name: 'in the form of cosign 1 and 2, with two signatures',
    arrange: signed((image, key, stranger) => {
      const envelope = envelopeOf(statementOf(image, { predicateType: provenancePredicate, predicate: provenanceOf() }), [
        key,
        stranger,
      ]);
      const layer = {
        payload: Buffer.from(JSON.stringify(envelope)),
        annotations: {},
        mediaType: 'application/vnd.dsse.envelope.v1+json',
      };
      return pushLayers(image.repository, image.digest, [layer], 'att');
    }, provenance(asked)),
    refused: ['SeveralSignatures'],
  },
  {
    name: 'the annotation of the manifest says what the statement does not',
    arrange: signed((image, key) =>
      attachBundle(image, bundleOf(envelopeOf(statementOf(image), [key])), {
        annotations: { 'dev.sigstore.bundle.predicateType': provenancePredicate },
      }),
    ),
    says: /provenance/,
  },
];

export const refusedAttestations: readonly CaseTable[] = [
  { title: 'what statements say', cases: content, on: ['referrers'] },
  { title: 'statements that are missing', cases: missing, on: ['referrers'] },
  { title: 'who makes statements', cases: makers, on: ['distribution'] },
];
