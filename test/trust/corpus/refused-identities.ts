/** Signatures with certificates that must not count: of somebody else, of nobody, of another authority, at another time. */
import { bundled, layered, type Rest } from './arrange.ts';
import { bundleV01 } from './bundle.ts';
import { type CaseTable, day, type ImageCase, minute, noon } from './cases.ts';
import { newAuthority, trustedRoot } from './certificate-authority.ts';
import { newKey, type TestKey } from './keys.ts';
import { authority, begin, issuer, keylessBundle, keylessLayer, type KeylessParts, log, root, subject } from './keyless.ts';
import { keyed, keyless } from './policies.ts';
import type { Json } from './repository.ts';
import { bundleNote, payloadOf, type SignedLayer, signedLayer } from './simple-signing.ts';
import { newLog } from './transparency-log.ts';

const trusted = ['images/ci'];
type Identity = Parameters<typeof keyless>[1];

const exact: Identity = { issuer, subject };
const by = (identity: Identity = exact, in_ = root): Rest => ({ by: () => [keyless(in_, identity)] });

/** Both forms, of the same certificate. */
function both(name: string, parts: KeylessParts, rest: Rest, expected: Pick<ImageCase, 'trusted' | 'refused'>): ImageCase[] {
  return [
    { name: `${name}, as a bundle`, arrange: bundled(image => keylessBundle(image, parts), rest), ...expected },
    { name: `${name}, as a signature`, arrange: layered(image => [keylessLayer(image, parts)], rest), ...expected },
  ];
}

const wrong = { refused: ['WrongIdentity'] };
const nobody = { refused: ['NoIdentity'] };
const acme = 'https://git.example.com/acme';

const identities: readonly ImageCase[] = [
  ...both('the identity itself', {}, by(), { trusted }),
  ...both('a name that goes on', { subject: `${subject}-evil` }, by(), wrong),
  ...both(
    'a name that goes on after a prefix',
    { subject: `${acme}-evil/os` },
    by({ issuer, subjectPattern: `${acme}/.*` }),
    wrong,
  ),
  ...both('a name that is in the middle', { subject: `https://evil.example.com/?${subject}` }, by(), wrong),
  ...both(
    'a pattern is for the whole name: before it',
    { subject: `https://evil.example.com/${acme}/os` },
    by({ issuer, subjectPattern: `${acme}/os` }),
    wrong,
  ),
  ...both(
    'a pattern is for the whole name: after it',
    { subject: `${acme}/os/evil` },
    by({ issuer, subjectPattern: `${acme}/os` }),
    wrong,
  ),
  ...both(
    'a pattern of two, of which each is for the whole',
    { subject: `${acme}/os-evil` },
    by({ issuer, subjectPattern: `${acme}/os|${acme}/other` }),
    wrong,
  ),
  ...both('a pattern that fits', { subject: `${acme}/os` }, by({ issuer, subjectPattern: `${acme}/[a-z]+` }), { trusted }),
  ...both(
    'a name on two lines, the first the right one',
    { subject: `${acme}/os\nhttps://evil.example.com` },
    by({ issuer, subjectPattern: `${acme}/os` }),
    nobody,
  ),
  ...both('a dot is a dot', { subject: subject.replace('git.example', 'gitxexample') }, by(), wrong),
  ...both('another host that looks like it', { subject: subject.replace('acme/os', 'acme.evil/os') }, by(), wrong),
  ...both('the case of letters counts', { subject: subject.toUpperCase() }, by(), wrong),
  ...both('an address in place of a URI', { subject: 'release@example.com' }, by(), wrong),
  ...both('an address', { subject: 'release@example.com' }, by({ issuer, subject: 'release@example.com' }), { trusted }),
  ...both('an empty name', { subject: '' }, by(), nobody),
  ...both('an empty name, and a pattern that takes it', { subject: '' }, by({ issuer, subjectPattern: '.*' }), nobody),
  ...both('no name', { subject: undefined }, by({ issuer, subjectPattern: '.*' }), nobody),
  ...both('another issuer', { issuer: 'https://token.evil.example.com' }, by(), wrong),
  ...both('an issuer that begins like it', { issuer: `${issuer}.evil` }, by(), wrong),
  ...both('an issuer with a slash at its end', { issuer: `${issuer}/` }, by(), wrong),
  ...both('an empty issuer', { issuer: '' }, by(), nobody),
];

const invalid = { refused: ['CertificateInvalid'] };
const unlogged = { refused: ['LogInvalid'] };
const ended = trustedRoot({ authorities: [authority], logs: [log], until: begin - day });

function stripped(bundle: Json): Json {
  const { verificationMaterial } = bundle as { verificationMaterial: Json };
  return { ...bundle, verificationMaterial: { ...verificationMaterial, tlogEntries: [] } };
}

function withoutEntry(layer: SignedLayer): SignedLayer {
  return { ...layer, annotations: Object.fromEntries(Object.entries(layer.annotations).filter(([name]) => name !== bundleNote)) };
}

const certificates: readonly ImageCase[] = [
  ...both('signed after the certificate was over', { time: begin + 11 * minute }, by(), invalid),
  ...both('signed before the certificate began', { time: begin - minute }, by(), invalid),
  ...both('a certificate that begins tomorrow', { notBefore: noon + day, time: noon }, by(), invalid),
  ...both('of another authority', { authority: newAuthority(noon) }, by(), invalid),
  ...both('in the name of the authority, by another key', { authority: { ...authority, key: newKey() } }, by(), invalid),
  ...both('in no log of certificates', { logged: false }, by(), invalid),
  ...both('in another log of certificates', { certificateLog: newKey() }, by(), invalid),
  ...both('a certificate of a server', { use: '1.3.6.1.5.5.7.3.1' }, by(), invalid),
  ...both('an authority that had ended', {}, by(exact, ended), invalid),
  ...both('the entry of another log', { log: newLog() }, by(), unlogged),
  { name: 'no entry, as a bundle', arrange: bundled(image => stripped(keylessBundle(image)), by()), refused: ['NotLogged'] },
  {
    name: 'no entry, as a signature',
    arrange: layered(image => [withoutEntry(keylessLayer(image))], by()),
    refused: ['NotLogged'],
  },
  {
    name: 'a key instead of a certificate',
    arrange: layered((image, { key }) => [signedLayer(key, payloadOf(image))], by()),
    refused: ['NoCertificate'],
  },
  {
    name: 'a certificate where only a key is trusted',
    arrange: layered(image => [keylessLayer(image)], { by: ({ key }) => [keyed(key)] }),
    refused: ['UnknownKey'],
  },
  {
    name: 'a proof without a promise shows no time',
    arrange: bundled(image => keylessBundle(image, { promise: false }), by()),
    refused: ['LogInvalid'],
  },
  {
    name: 'another predicate',
    arrange: bundled(image => keylessBundle(image, { statement: { predicateType: 'https://slsa.dev/provenance/v1' } }), by()),
    refused: ['NotASignature'],
  },
  {
    name: 'a statement about another image',
    arrange: bundled(image => keylessBundle(image, { statement: { subject: [{ digest: { sha256: 'a'.repeat(64) } }] } }), by()),
    refused: ['WrongDigest'],
  },
  {
    name: 'version 0.1 with its chain',
    arrange: bundled(image => keylessBundle(image, { mediaType: bundleV01 }), by()),
    trusted,
  },
];

const revoking = (key: TestKey, since?: number): Rest => ({
  ...by(),
  revoked: [{ fingerprint: key.fingerprint, ...(since === undefined ? {} : { since: new Date(since).toISOString() }) }],
});

const revoked: readonly ImageCase[] = [
  ...both('the key of the authority', {}, revoking(authority.key), invalid),
  ...both('the key of the authority, from before it signed', {}, revoking(authority.key, begin), invalid),
  ...both('the key of the authority, from after it signed', {}, revoking(authority.key, begin + 2 * minute), { trusted }),
  ...both('the key of the log', {}, revoking(log.key), unlogged),
  ...both('the key of the log of certificates', {}, revoking(authority.certificateLog), invalid),
  ...both('a key that has nothing to do with it', {}, revoking(newKey()), { trusted }),
];

export const refusedIdentities: readonly CaseTable[] = [
  { title: 'revoked keys of services', cases: revoked, on: ['referrers'] },
  { title: 'identities', cases: identities, on: ['referrers'] },
  { title: 'certificates', cases: certificates, on: ['referrers'] },
];
