/** Bundles of sigstore that must not count for an image, and good ones that count in spite of what is beside them. */
import { createPrivateKey, sign } from 'node:crypto';
import { bundled, stored } from './arrange.ts';
import { attachBundle, bundleOf, bundleV01, bundleV02, bundleV03, signedBundle } from './bundle.ts';
import { type CaseTable, type ImageCase, noon } from './cases.ts';
import { certify, newAuthority } from './certificate-authority.ts';
import {
  type Envelope,
  envelopeOf,
  inToto,
  provenanceOf,
  provenancePredicate,
  statementOf,
  type StatementParts,
} from './envelope.ts';
import { newImage, type TestImage } from './image.ts';
import { signBytes, type TestKey } from './keys.ts';
import { keyed, policyOf } from './policies.ts';
import type { Json } from './repository.ts';
import { signImageWith } from './simple-signing.ts';

const trusted = ['images/release'];

const statements = (parts: StatementParts | ((image: TestImage) => StatementParts)): ImageCase['arrange'] =>
  bundled((image, { key }) => signedBundle(image, key, typeof parts === 'function' ? parts(image) : parts));

/** A bundle around an envelope that is made by hand. */
const enveloped = (make: (image: TestImage, key: TestKey, stranger: TestKey) => Envelope): ImageCase['arrange'] =>
  bundled((image, { key, stranger }) => bundleOf(make(image, key, stranger)));

/** The text of a good bundle, changed. */
const written = (change: (text: string) => string | Buffer): ImageCase['arrange'] =>
  bundled((image, { key }) => change(JSON.stringify(signedBundle(image, key))));

const about: readonly ImageCase[] = [
  { name: 'a good one', arrange: statements({}), trusted },
  {
    name: 'by a key nobody trusts',
    arrange: bundled((image, { stranger }) => signedBundle(image, stranger)),
    refused: ['UnknownKey'],
  },
  {
    name: 'the bundle of another image, attached to this one',
    arrange: stored(async (image, { key }) => attachBundle(image, signedBundle(await newImage(image.repository), key))),
    refused: ['WrongDigest'],
  },
  {
    name: 'provenance is no signature',
    arrange: statements({ predicateType: provenancePredicate, predicate: provenanceOf() }),
    refused: ['NotASignature'],
  },
  {
    name: 'a list of parts is no signature',
    arrange: statements({ predicateType: 'https://spdx.dev/Document' }),
    refused: ['NotASignature'],
  },
  {
    name: 'a statement without a type of predicate',
    arrange: bundled((image, { key }) => bundleOf(envelopeOf({ ...statementOf(image), predicateType: undefined }, [key]))),
    refused: ['Malformed'],
  },
  { name: 'a statement of the version before', arrange: statements({ type: 'https://in-toto.io/Statement/v0.1' }), trusted },
  {
    name: 'a statement of an unknown version',
    arrange: statements({ type: 'https://in-toto.io/Statement/v2' }),
    refused: ['WrongType'],
  },
  { name: 'a statement without a type', arrange: statements({ type: undefined }), refused: ['WrongType'] },
  { name: 'no subject', arrange: statements({ subject: undefined }), refused: ['Malformed'] },
  { name: 'an empty list of subjects', arrange: statements({ subject: [] }), refused: ['Malformed'] },
  {
    name: 'a subject that is no list',
    arrange: statements(({ hex }) => ({ subject: { digest: { sha256: hex } } })),
    refused: ['Malformed'],
  },
  {
    name: 'a subject by another hash',
    arrange: statements(({ hex }) => ({ subject: [{ digest: { sha512: hex } }] })),
    refused: ['WrongDigest'],
  },
  {
    name: 'a subject in capitals',
    arrange: statements(({ hex }) => ({ subject: [{ digest: { sha256: hex.toUpperCase() } }] })),
    refused: ['WrongDigest'],
  },
  {
    name: 'a subject by name only',
    arrange: statements(({ reference }) => ({ subject: [{ name: reference, digest: {} }] })),
    refused: ['WrongDigest'],
  },
  {
    name: 'several subjects, the image among them',
    arrange: statements(({ hex }) => ({
      subject: [
        { name: 'a', digest: { sha256: '0'.repeat(64) } },
        { name: 'b', digest: { sha256: hex } },
      ],
    })),
    trusted,
  },
  {
    name: 'several subjects, the image not among them',
    arrange: statements(() => ({ subject: ['0', '1'].map(digit => ({ digest: { sha256: digit.repeat(64) } })) })),
    refused: ['WrongDigest'],
  },
];

const envelopes: readonly ImageCase[] = [
  {
    name: 'two signatures, both good',
    arrange: enveloped((image, key, stranger) => envelopeOf(statementOf(image), [key, stranger])),
    refused: ['SeveralSignatures'],
  },
  {
    name: 'two signatures, the second good',
    arrange: enveloped((image, key, stranger) => envelopeOf(statementOf(image), [stranger, key])),
    refused: ['SeveralSignatures'],
  },
  { name: 'no signature', arrange: enveloped(image => envelopeOf(statementOf(image), [])), refused: ['SeveralSignatures'] },
  {
    name: 'another type of payload',
    arrange: enveloped((image, key) => envelopeOf(statementOf(image), [key], { payloadType: 'application/json' })),
    refused: ['WrongType'],
  },
  {
    name: 'a type of payload that was changed after it was signed',
    arrange: enveloped((image, key) => ({
      ...envelopeOf(statementOf(image), [key], { payloadType: 'text/plain' }),
      payloadType: inToto,
    })),
    refused: ['UnknownKey'],
  },
  {
    name: 'SHA-1',
    arrange: enveloped((image, key) => envelopeOf(statementOf(image), [key], { hash: 'sha1' })),
    refused: ['UnknownKey'],
  },
  {
    name: 'a signature over the payload alone',
    arrange: enveloped((image, key) => {
      const envelope = envelopeOf(statementOf(image), []);
      return { ...envelope, signatures: [{ sig: signBytes(key, Buffer.from(envelope.payload, 'base64')).toString('base64') }] };
    }),
    refused: ['UnknownKey'],
  },
  {
    name: 'a signature of the key over another statement',
    arrange: enveloped((image, key) => ({
      ...envelopeOf(statementOf(image), []),
      signatures: envelopeOf(statementOf(image, { predicate: { a: 1 } }), [key]).signatures,
    })),
    refused: ['UnknownKey'],
  },
  {
    name: 'a payload that is no base64',
    arrange: enveloped((image, key) => ({ ...envelopeOf(statementOf(image), [key]), payload: '*' })),
    refused: ['Malformed'],
  },
  {
    name: 'a payload that is no JSON',
    arrange: enveloped((_, key) => envelopeOf(Buffer.from('statement'), [key])),
    refused: ['Malformed'],
  },
  {
    name: 'a payload with something after it',
    arrange: enveloped((image, key) => envelopeOf(Buffer.from(`${JSON.stringify(statementOf(image))} 1`), [key])),
    refused: ['Malformed'],
  },
  {
    name: 'a payload with a byte order mark',
    arrange: enveloped((image, key) => envelopeOf(Buffer.from(`\uFEFF${JSON.stringify(statementOf(image))}`), [key])),
    refused: ['Malformed'],
  },
  {
    name: 'a statement with two subjects members',
    arrange: enveloped((image, key) =>
      envelopeOf(Buffer.from(JSON.stringify(statementOf(image)).replace('{', '{"subject":[],')), [key]),
    ),
    refused: ['Malformed'],
  },
];

const authority = newAuthority(noon);

/** Signed by the trusted key, with a certificate of it instead of a hint. */
const certified = (material: (certificate: string) => Json, mediaType?: string): ImageCase['arrange'] =>
  bundled((image, { key }) => {
    const certificate = certify(authority, key, {
      subject: 'https://example.com/ci',
      issuer: 'https://example.com',
      notBefore: noon,
    });
    return signedBundle(image, key, {
      material: material(certificate.toString('base64')),
      ...(mediaType === undefined ? {} : { mediaType }),
    });
  });

const documents: readonly ImageCase[] = [
  {
    name: 'another member besides, twice',
    arrange: written(text => text.replace('{', '{"mediaType":"x",')),
    refused: ['Malformed'],
  },
  { name: 'two envelopes', arrange: written(text => text.replace('{', '{"dsseEnvelope":{},')), refused: ['Malformed'] },
  { name: 'a byte order mark', arrange: written(text => `\uFEFF${text}`), refused: ['Malformed'] },
  { name: 'something after it', arrange: written(text => `${text}\n{}`), refused: ['Malformed'] },
  { name: 'half of it', arrange: written(text => text.slice(0, text.length / 2)), refused: ['Malformed'] },
  { name: 'a list', arrange: written(text => `[${text}]`), refused: ['Malformed'] },
  { name: 'null', arrange: written(() => 'null'), refused: ['Malformed'] },
  { name: 'bytes that are no text', arrange: written(() => Buffer.from([0xff, 0xfe, 0x00])), refused: ['Malformed'] },
  { name: 'more than a mebibyte', arrange: written(text => `${text}${' '.repeat(1024 * 1024)}`), refused: ['TooLarge'] },
  {
    name: 'a version that is not known',
    arrange: bundled((image, { key }) => signedBundle(image, key, { mediaType: 'application/vnd.dev.sigstore.bundle.v9+json' })),
    refused: ['Malformed'],
  },
  { name: 'no version', arrange: written(text => text.replace(`"mediaType":"${bundleV03}",`, '')), refused: ['Malformed'] },
  {
    name: 'version 0.1',
    arrange: bundled((image, { key }) => signedBundle(image, key, { mediaType: bundleV01 }), {}, { layerType: bundleV01 }),
    trusted,
  },
  {
    name: 'version 0.2',
    arrange: bundled((image, { key }) => signedBundle(image, key, { mediaType: bundleV02 }), {}, { layerType: bundleV02 }),
    trusted,
  },
  {
    name: 'version 0.3 with a chain of certificates',
    arrange: certified(rawBytes => ({ x509CertificateChain: { certificates: [{ rawBytes }] } })),
    refused: ['Malformed'],
  },
  {
    name: 'a certificate where a key is trusted, though it is of that key',
    arrange: certified(rawBytes => ({ certificate: { rawBytes } })),
    refused: ['CertificateRefused'],
  },
  {
    name: 'the chain of version 0.1 where a key is trusted',
    arrange: certified(rawBytes => ({ x509CertificateChain: { certificates: [{ rawBytes }] } }), bundleV01),
    refused: ['CertificateRefused'],
  },
  {
    name: 'no material',
    arrange: bundled((image, { key }) => signedBundle(image, key, { material: {} })),
    refused: ['Malformed'],
  },
  {
    name: 'the hint of another key counts for nothing',
    arrange: bundled((image, { key }) => signedBundle(image, key, { material: { publicKey: { hint: 'somebody' } } })),
    trusted,
  },
  {
    name: 'a signature over the bytes of the manifest instead of a statement',
    arrange: bundled((image, { key }) => {
      const signature = sign(
        'sha256',
        Buffer.from(image.digest),
        createPrivateKey(key.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      );
      return {
        mediaType: bundleV03,
        verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [] },
        messageSignature: {
          messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(image.hex, 'hex').toString('base64') },
          signature: signature.toString('base64'),
        },
      };
    }),
    refused: ['Unsupported'],
  },
];

const places: readonly ImageCase[] = [
  {
    name: 'the list says another type',
    arrange: bundled(
      (image, { key }) => signedBundle(image, key),
      {},
      { entry: { artifactType: 'application/vnd.example.note' } },
    ),
    trusted,
  },
  {
    name: 'the list and the manifest say the empty type, as some registries do',
    arrange: bundled((image, { key }) => signedBundle(image, key), {}, { artifactType: 'application/vnd.oci.empty.v1+json' }),
    trusted,
  },
  {
    name: 'a layer of another type',
    arrange: bundled((image, { key }) => signedBundle(image, key), {}, { layerType: 'application/json' }),
    refused: [],
  },
  {
    name: 'a good one among what is none',
    arrange: stored(async (image, { key, stranger }) => {
      await attachBundle(image, 'nothing');
      await attachBundle(image, signedBundle(image, stranger));
      await attachBundle(image, { a: 1 }, { artifactType: 'application/vnd.example.note', layerType: 'application/json' });
      await attachBundle(image, signedBundle(image, key));
      await attachBundle(image, bundleOf(envelopeOf(statementOf(image), [stranger, key])));
    }),
    trusted,
  },
  {
    name: 'a good bundle beside a signature of the other form that is none',
    arrange: stored(async (image, { key, stranger }) => {
      await signImageWith(image, stranger);
      await attachBundle(image, signedBundle(image, key));
    }),
    trusted,
  },
  {
    name: 'a good signature of the other form beside a bundle that is none',
    arrange: stored(async (image, { key, stranger }) => {
      await signImageWith(image, key);
      await attachBundle(image, signedBundle(image, stranger));
    }),
    trusted,
  },
  {
    name: 'one key in both forms is one signer',
    arrange: async lab => {
      const image = await newImage(lab.repository());
      await signImageWith(image, lab.key);
      await attachBundle(image, signedBundle(image, lab.key));
      const authorities = [keyed(lab.key), keyed(lab.stranger, { name: 'second' })];
      return { image, policies: [policyOf(image.repository.name, authorities, { require: 2 })] };
    },
    says: /there is one/,
  },
];

/** What only a list that somebody has written can say; and its order, which the API does not keep. */
const lists: readonly ImageCase[] = [
  {
    name: 'a manifest that says to be about another image, with a statement about this one',
    arrange: stored(async (image, { key }) =>
      attachBundle(image, signedBundle(image, key), { subject: await newImage(image.repository) }),
    ),
    refused: [],
  },
  {
    name: 'a manifest and its statement about another image',
    arrange: stored(async (image, { key }) => {
      const other = await newImage(image.repository);
      await attachBundle(image, signedBundle(other, key), { subject: other });
    }),
    refused: [],
  },
  {
    name: 'sixty-four before it are looked at, and no more',
    arrange: stored(async (image, { key, stranger }) => {
      for (let n = 0; n < 64; n++) await attachBundle(image, signedBundle(image, stranger, { predicate: { n } }));
      await attachBundle(image, signedBundle(image, key));
    }),
    refused: ['TooMany'],
  },
];

export const refusedBundles: readonly CaseTable[] = [
  { title: 'what statements are about', cases: about },
  { title: 'envelopes', cases: envelopes, on: ['distribution'] },
  { title: 'documents of bundles', cases: documents, on: ['distribution'] },
  { title: 'where bundles are', cases: places },
  { title: 'lists of bundles', cases: lists, on: ['distribution'] },
];
