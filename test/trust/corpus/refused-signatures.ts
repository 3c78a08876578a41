/** Signatures in the form of cosign 1 and 2 that must not count, and good ones that count in spite of what is beside them. */
import { constants, sign } from 'node:crypto';
import { layered, stored } from './arrange.ts';
import { type CaseTable, type ImageCase } from './cases.ts';
import { envelopeOf, statementOf } from './envelope.ts';
import { newImage, newIndex, type TestImage } from './image.ts';
import { newKey, type TestKey } from './keys.ts';
import { keyed, policyOf } from './policies.ts';
import { payloadOf, pushLayers, signatureNote, type SignedLayer, signedLayer, signImageWith } from './simple-signing.ts';
import { types } from './repository.ts';
import { flipped, trailing } from './ecdsa.ts';

const trusted = ['images/release'];

/** A layer whose annotation is not what the key makes of it. */
function withSignature(payload: Buffer, signature: Buffer | string): SignedLayer {
  return { payload, annotations: { [signatureNote]: typeof signature === 'string' ? signature : signature.toString('base64') } };
}

const good = (image: TestImage, { key }: { key: TestKey }): SignedLayer => signedLayer(key, payloadOf(image));

const copied: readonly ImageCase[] = [
  { name: 'no signature at all', arrange: stored(() => Promise.resolve()), refused: [] },
  { name: 'a good one', arrange: layered((image, lab) => [good(image, lab)]), trusted },
  {
    name: 'a good one by a key nobody trusts',
    arrange: layered((image, { stranger }) => [signedLayer(stranger, payloadOf(image))]),
    refused: ['UnknownKey'],
  },
  {
    name: 'the tag of signatures of another image, copied',
    arrange: stored(async (image, lab) => {
      const other = await newImage(image.repository);
      await pushLayers(image.repository, image.digest, [good(other, lab)]);
    }),
    refused: ['WrongDigest'],
  },
  {
    name: 'an image in another repository keeps its signature',
    arrange: layered((image, { key }) => [signedLayer(key, payloadOf(image, { reference: 'registry.example.com/elsewhere:1' }))]),
    trusted,
  },
  {
    name: 'the signature of another payload',
    arrange: layered((image, lab) => [
      withSignature(
        payloadOf(image),
        good({ ...image, digest: `sha256:${'0'.repeat(64)}` }, lab).annotations[signatureNote] ?? '',
      ),
    ]),
    refused: ['UnknownKey'],
  },
  {
    name: 'a payload that was changed after it was signed',
    arrange: layered((image, { key }) => [
      { ...signedLayer(key, payloadOf(image)), payload: payloadOf(image, { optional: { changed: true } }) },
    ]),
    refused: ['UnknownKey'],
  },
  {
    name: 'the tag moved after it was resolved: what it names now is not signed',
    arrange: async lab => {
      const repository = lab.repository();
      const signed = await newImage(repository, { tag: 'v1' });
      await signImageWith(signed, lab.key);
      const image = await newImage(repository, { tag: 'v1' });
      return { image, policies: [policyOf(repository.name, [keyed(lab.key)])] };
    },
    refused: [],
  },
  {
    name: 'the tag moved after it was resolved: what it named then is',
    arrange: async lab => {
      const repository = lab.repository();
      const image = await newImage(repository, { tag: 'v1' });
      await signImageWith(image, lab.key);
      await newImage(repository, { tag: 'v1' });
      return { image, policies: [policyOf(repository.name, [keyed(lab.key)])] };
    },
    trusted,
  },
  {
    name: 'a signed index does not cover its platforms',
    arrange: async lab => {
      const { index, platforms } = await newIndex(lab.repository());
      await signImageWith(index, lab.key);
      const [image = index] = platforms;
      return { image, policies: [policyOf(image.repository.name, [keyed(lab.key)])] };
    },
    refused: [],
  },
  {
    name: 'a signed platform does not cover the index',
    arrange: async lab => {
      const { index: image, platforms } = await newIndex(lab.repository());
      for (const platform of platforms) await signImageWith(platform, lab.key);
      return { image, policies: [policyOf(image.repository.name, [keyed(lab.key)])] };
    },
    refused: [],
  },
];

/** One layer with a good signature over a payload that is wrong in itself. */
const payload = (make: (image: TestImage) => Buffer | string): ImageCase['arrange'] =>
  layered((image, { key }) => [signedLayer(key, Buffer.from(make(image)))]);

const textOf = (image: TestImage): string => payloadOf(image).toString();

const payloads: readonly ImageCase[] = [
  {
    name: 'a digest in capitals',
    arrange: payload(i => payloadOf({ ...i, digest: `sha256:${i.hex.toUpperCase()}` })),
    refused: ['WrongDigest'],
  },
  { name: 'a digest without its algorithm', arrange: payload(i => payloadOf({ ...i, digest: i.hex })), refused: ['WrongDigest'] },
  {
    name: 'a digest that begins like it',
    arrange: payload(i => payloadOf({ ...i, digest: i.digest.slice(0, -1) })),
    refused: ['WrongDigest'],
  },
  {
    name: 'the type of simple signing',
    arrange: payload(i => payloadOf(i, { type: 'atomic container signature' })),
    refused: ['WrongType'],
  },
  { name: 'no type', arrange: payload(i => textOf(i).replace(/,"type":"[^"]*"/, '')), refused: ['Malformed'] },
  { name: 'a reference that is a number', arrange: payload(i => payloadOf(i, { reference: 1 })), refused: ['Malformed'] },
  { name: 'a reference that is an object', arrange: payload(i => payloadOf(i, { reference: {} })), refused: ['Malformed'] },
  { name: 'no reference', arrange: payload(i => payloadOf(i, { reference: undefined })), refused: ['Malformed'] },
  {
    name: 'two digests, the first the right one',
    arrange: payload(i => textOf(i).replace('"image":{', `"image":{"docker-manifest-digest":"${i.digest}",`)),
    refused: ['Malformed'],
  },
  { name: 'two critical parts', arrange: payload(i => textOf(i).replace('{', '{"critical":{},')), refused: ['Malformed'] },
  {
    name: 'a member written in another way',
    arrange: payload(i => textOf(i).replace('"image":{', '"image":{},"\\u0069mage":{')),
    refused: ['Malformed'],
  },
  { name: 'a byte order mark', arrange: payload(i => `\uFEFF${textOf(i)}`), refused: ['Malformed'] },
  { name: 'something after the document', arrange: payload(i => `${textOf(i)}{}`), refused: ['Malformed'] },
  { name: 'no JSON', arrange: payload(() => 'critical: {}'), refused: ['Malformed'] },
  { name: 'a list', arrange: payload(i => `[${textOf(i)}]`), refused: ['Malformed'] },
  { name: 'null', arrange: payload(() => 'null'), refused: ['Malformed'] },
  { name: 'nothing', arrange: payload(() => ''), refused: ['Malformed'] },
  {
    name: 'bytes that are no UTF-8',
    arrange: payload(i => Buffer.concat([payloadOf(i, { optional: { a: 1 } }).subarray(0, -3), Buffer.from([0xff, 0x7d, 0x7d])])),
    refused: ['Malformed'],
  },
  {
    name: 'brackets a hundred thousand deep',
    arrange: payload(() => `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    refused: ['Malformed'],
  },
  {
    name: 'more than a mebibyte',
    arrange: payload(i => payloadOf(i, { optional: { fill: 'x'.repeat(1024 * 1024) } })),
    refused: ['TooLarge'],
  },
];

const p256 = (hash: string, more: object = {}): ImageCase['arrange'] =>
  layered((image, { key }) => [withSignature(payloadOf(image), sign(hash, payloadOf(image), { key: key.privateKey, ...more }))]);

/** Signed with a key of its own, which is the one that is trusted. */
function signedWith(key: TestKey, make: (payload: Buffer) => Buffer): ImageCase['arrange'] {
  return layered(image => [withSignature(payloadOf(image), make(payloadOf(image)))], { by: () => [keyed(key)] });
}

const rsa = newKey('RSA-2048');
const weak = newKey('RSA-1024');
const larger = newKey('P-384');
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

const algorithms: readonly ImageCase[] = [
  { name: 'SHA-1', arrange: p256('sha1'), refused: ['UnknownKey'] },
  { name: 'SHA-512 with P-256', arrange: p256('sha512'), refused: ['UnknownKey'] },
  { name: 'ECDSA not in DER', arrange: p256('sha256', { dsaEncoding: 'ieee-p1363' }), refused: ['UnknownKey'] },
  {
    name: 'ECDSA with something after it',
    arrange: layered((image, { key }) => [
      withSignature(payloadOf(image), trailing(sign('sha256', payloadOf(image), key.privateKey))),
    ]),
    refused: ['UnknownKey'],
  },
  { name: 'RSA with MD5', arrange: signedWith(rsa, bytes => sign('md5', bytes, rsa.privateKey)), refused: ['UnknownKey'] },
  {
    name: 'RSA with PSS',
    arrange: signedWith(rsa, bytes => sign('sha256', bytes, { key: rsa.privateKey, ...pss })),
    refused: ['UnknownKey'],
  },
  { name: 'RSA of 1024 bits', arrange: signedWith(weak, bytes => sign('sha256', bytes, weak.privateKey)), says: /1024/ },
  {
    name: 'SHA-1 with P-384',
    arrange: signedWith(larger, bytes => sign('sha1', bytes, larger.privateKey)),
    refused: ['UnknownKey'],
  },
  {
    name: 'the same signature with its other s is no second signer',
    arrange: layered(
      (image, { key }) => {
        const layer = signedLayer(key, payloadOf(image));
        const other = flipped(Buffer.from(layer.annotations[signatureNote] ?? '', 'base64'));
        return [layer, withSignature(layer.payload, other)];
      },
      { by: lab => [keyed(lab.key), keyed(lab.stranger, { name: 'second' })], require: 2 },
    ),
    says: /there is one/,
  },
];

const documents: readonly ImageCase[] = [
  {
    name: 'no annotation with the signature',
    arrange: layered(image => [{ payload: payloadOf(image), annotations: {} }]),
    refused: ['Malformed'],
  },
  { name: 'an empty signature', arrange: layered(image => [withSignature(payloadOf(image), '')]), refused: ['Malformed'] },
  {
    name: 'a signature that is no base64',
    arrange: layered(image => [withSignature(payloadOf(image), '!!!')]),
    refused: ['Malformed'],
  },
  {
    name: 'a layer of another type is no signature',
    arrange: layered((image, lab) => [{ ...good(image, lab), mediaType: 'application/octet-stream' }]),
    refused: [],
  },
  {
    name: 'an envelope among the signatures is none',
    arrange: layered((image, { key }) => [
      {
        payload: Buffer.from(JSON.stringify(envelopeOf(statementOf(image), [key]))),
        annotations: {},
        mediaType: 'application/vnd.dsse.envelope.v1+json',
      },
    ]),
    refused: [],
  },
  {
    name: 'a layer that says to be smaller than it is has the bytes of its digest all the same',
    arrange: layered((image, lab) => [{ ...good(image, lab), size: 3 }]),
    trusted,
  },
  {
    name: 'an index in place of the signatures',
    arrange: stored(({ repository, digest }) =>
      repository.manifest(
        { schemaVersion: 2, mediaType: types.index, manifests: [] },
        { tag: `${digest.replace(':', '-')}.sig`, mediaType: types.index },
      ),
    ),
    refused: [],
  },
  {
    name: 'sixty-four before it are looked at, and no more',
    arrange: layered((image, lab) => [
      ...Array.from({ length: 64 }, (_, n) => signedLayer(lab.stranger, payloadOf(image, { optional: { n } }))),
      good(image, lab),
    ]),
    says: /65|64/,
  },
  {
    name: 'a good one before sixty-four others',
    arrange: layered((image, lab) => [
      good(image, lab),
      ...Array.from({ length: 64 }, (_, n) => signedLayer(lab.stranger, payloadOf(image, { optional: { n } }))),
    ]),
    trusted,
  },
  {
    name: 'a good one among what is none',
    arrange: layered((image, lab) => [
      withSignature(Buffer.from('{'), 'AA=='),
      { payload: Buffer.from([0xff, 0xfe]), annotations: {} },
      signedLayer(lab.stranger, payloadOf(image)),
      signedLayer(lab.key, payloadOf(image, { type: 'something else' })),
      good(image, lab),
      { ...good(image, lab), mediaType: 'text/plain' },
    ]),
    trusted,
  },
];

export const refusedSignatures: readonly CaseTable[] = [
  { title: 'signatures that are not for the image', cases: copied },
  { title: 'payloads', cases: payloads, on: ['distribution'] },
  { title: 'algorithms', cases: algorithms, on: ['distribution'] },
  { title: 'documents of signatures', cases: documents, on: ['distribution'] },
];
