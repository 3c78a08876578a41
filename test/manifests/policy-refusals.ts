/** Changes to the least TrustPolicy that the API server refuses, because they contradict themselves, and what it says. */

const plural = 'trustpolicies' as const;
const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
const key = { name: 'release', key: { data: pem } };
const ssh = { name: 'people', ssh: { allowedSigners: 'a@example.com ssh-ed25519 AAAA' } };
const identities = [{ issuer: 'https://issuer.example.com', subject: 'ci@example.com' }];
const keyless = { identities, trustedRoot: { public: true } };
const enforced = { mode: 'Enforce', authorities: [key] };

const authority = (authority: object) => ({
  mode: 'Enforce',
  subjects: ['Image', 'Git'],
  authorities: [key, ssh, { name: 'a', ...authority }],
});
const scope = (prefix: string) => ({ scope: { prefix } });

export const policyRefusals: readonly { plural: typeof plural; what: string; changes: object; says: RegExp }[] = [
  { plural, what: 'T1: neither prefix nor root', changes: { scope: {} }, says: /exactly one of prefix, root: true is required/ },
  {
    plural,
    what: 'T1: root that is false',
    changes: { scope: { root: false } },
    says: /exactly one of prefix, root: true is required/,
  },
  {
    plural,
    what: 'T2: prefix and root',
    changes: { scope: { prefix: 'registry.example.com', root: true } },
    says: /exactly one of prefix, root: true is required/,
  },
  {
    plural,
    what: 'T3: a scheme',
    changes: scope('https://registry.example.com/os'),
    says: /must be a host, with a path .* without scheme/,
  },
  { plural, what: 'T3: a wildcard', changes: scope('registry.example.com/os/*'), says: /without scheme, tag, wildcard/ },
  { plural, what: 'T3: a slash at the end', changes: scope('registry.example.com/os/'), says: /slash at the end/ },
  { plural, what: 'T3: an empty segment', changes: scope('registry.example.com//os'), says: /must be a host, with a path/ },
  { plural, what: 'T3: a tag', changes: scope('registry.example.com/os:1'), says: /without scheme, tag/ },
  { plural, what: 'T3: a host in capitals', changes: scope('Registry.example.com/os'), says: /must be a host/ },
  {
    plural,
    what: 'a prefix of dots',
    changes: scope('registry.example.com/../os'),
    says: /must be a host, with a path without \. and \.\./,
  },
  { plural, what: 'a prefix of .git', changes: scope('git.example.com/os.git'), says: /compared without the \.git at the end/ },
  { plural, what: 'no authority', changes: { mode: 'Enforce' }, says: /nothing that the scope covers could ever be accepted/ },
  { plural, what: 'no authority in mode Warn', changes: { mode: 'Warn', authorities: [] }, says: /could ever be accepted/ },
  { plural, what: 'an unknown mode', changes: { mode: 'Off' }, says: /spec\.mode: Unsupported value: "Off"/ },
  { plural, what: 'an unknown subject', changes: { subjects: ['Chart'] }, says: /Unsupported value: "Chart"/ },
  { plural, what: 'no subject', changes: { subjects: [] }, says: /should have at least 1 items/ },
  {
    plural,
    what: 'a word that is no requirement',
    changes: { ...enforced, require: 'Most' },
    says: /require is Any, All, or a number from 1 to 32/,
  },
  {
    plural,
    what: 'W7: none required',
    changes: { ...enforced, require: 0 },
    says: /require is Any, All, or a number from 1 to 32/,
  },
  {
    plural,
    what: 'W7: more required than there are',
    changes: { ...enforced, require: 2 },
    says: /require is more than there are authorities/,
  },
  { plural, what: 'two authorities of one name', changes: { mode: 'Enforce', authorities: [key, key] }, says: /Duplicate value/ },
  {
    plural,
    what: 'signers of commits without Git',
    changes: { mode: 'Enforce', authorities: [key, ssh] },
    says: /openPGP, ssh and paths are for commits; add Git to subjects/,
  },
  {
    plural,
    what: 'signers of images without Image',
    changes: { mode: 'Enforce', subjects: ['Git'], authorities: [key, ssh] },
    says: /key and keyless are for images; add Image to subjects/,
  },
  {
    plural,
    what: 'Git without who signs commits',
    changes: { mode: 'Enforce', subjects: ['Image', 'Git'], authorities: [key] },
    says: /Git is one of subjects, and no authority signs commits/,
  },
  {
    plural,
    what: 'Image without who signs images',
    changes: { mode: 'Enforce', subjects: ['Image', 'Git'], authorities: [ssh] },
    says: /Image is one of subjects, and no authority signs images/,
  },
  {
    plural,
    what: 'an authority of no kind',
    changes: authority({}),
    says: /exactly one of key, keyless, openPGP, ssh is required/,
  },
  {
    plural,
    what: 'an authority of two kinds',
    changes: authority({ key: key.key, ssh: ssh.ssh }),
    says: /exactly one of key, keyless, openPGP, ssh is required/,
  },
  {
    plural,
    what: 'a name of an authority in capitals',
    changes: authority({ name: 'Release', key: key.key }),
    says: /must be lower-case letters, digits and hyphens/,
  },
  {
    plural,
    what: 'paths of a key for images',
    changes: authority({ key: key.key, paths: ['a/**'] }),
    says: /paths are for authorities of commits/,
  },
  { plural, what: 'a key from nowhere', changes: authority({ key: {} }), says: /exactly one of data, secretRef is required/ },
  {
    plural,
    what: 'a key from two places',
    changes: authority({ key: { data: pem, secretRef: { name: 'a' } } }),
    says: /exactly one of data, secretRef is required/,
  },
  {
    plural,
    what: 'a key that ends before it begins',
    changes: authority({ key: { data: pem, notBefore: '2026-02-01T00:00:00Z', notAfter: '2026-01-01T00:00:00Z' } }),
    says: /notBefore is not before notAfter/,
  },
  {
    plural,
    what: 'a time that is none',
    changes: authority({ key: { data: pem, notAfter: 'soon' } }),
    says: /notAfter.*date-time/,
  },
  {
    plural,
    what: 'a time in letters that programs read in several ways',
    changes: authority({ key: { data: pem, notAfter: '2026-01-01T00:00:00,5Z' } }),
    says: /notAfter/,
  },
  {
    plural,
    what: 'a revocation from a time that is none',
    changes: { revoked: [{ fingerprint: 'a'.repeat(64), since: '2026-01-01T00:00:00,5Z' }] },
    says: /since/,
  },
  {
    plural,
    what: 'a log without its keys',
    changes: authority({ key: { data: pem, transparencyLog: 'Required' } }),
    says: /need a trustedRoot/,
  },
  {
    plural,
    what: 'the keys of a log without saying whether it counts',
    changes: authority({ key: { data: pem, trustedRoot: { public: true } } }),
    says: /trustedRoot is for transparencyLog Required or Optional; say which/,
  },
  {
    plural,
    what: 'a trusted root from nowhere',
    changes: authority({ keyless: { identities, trustedRoot: {} } }),
    says: /exactly one of data, configMapRef, tuf, public is required/,
  },
  {
    plural,
    what: 'a trusted root from two places',
    changes: authority({ keyless: { identities, trustedRoot: { data: '{}', public: true } } }),
    says: /exactly one of data, configMapRef, tuf, public is required/,
  },
  {
    plural,
    what: 'a TUF repository with credentials',
    changes: authority({
      keyless: {
        identities,
        trustedRoot: { tuf: { url: 'https://me:secret@tuf.example.com', rootConfigMapRef: { name: 'a' } } },
      },
    }),
    says: /must be a URL that begins with https:\/\/ or http:\/\/, without credentials/,
  },
  {
    plural,
    what: 'no identity',
    changes: authority({ keyless: { ...keyless, identities: [] } }),
    says: /should have at least 1 items/,
  },
  {
    plural,
    what: 'an identity of any subject',
    changes: authority({ keyless: { ...keyless, identities: [{ issuer: 'https://issuer.example.com' }] } }),
    says: /exactly one of subject, subjectPattern is required/,
  },
  {
    plural,
    what: 'an identity of two subjects',
    changes: authority({ keyless: { ...keyless, identities: [{ ...identities[0], subjectPattern: '.*' }] } }),
    says: /exactly one of subject, subjectPattern is required/,
  },
  {
    plural,
    what: 'an identity without an issuer',
    changes: authority({ keyless: { ...keyless, identities: [{ subject: 'a' }] } }),
    says: /issuer: Required value/,
  },
  {
    plural,
    what: 'a fingerprint in capitals',
    changes: authority({ openPGP: { data: 'x', fingerprints: ['A'.repeat(40)] } }),
    says: /must be 40 or 64 hex digits in lower case, as gpg/,
  },
  {
    plural,
    what: 'signers from two places',
    changes: authority({ ssh: { allowedSigners: 'x', secretRef: { name: 'a' } } }),
    says: /exactly one of allowedSigners, secretRef is required/,
  },
  {
    plural,
    what: 'OpenPGP from nowhere',
    changes: authority({ openPGP: {} }),
    says: /exactly one of data, secretRef is required/,
  },
  {
    plural,
    what: 'statements about commits',
    changes: {
      mode: 'Enforce',
      subjects: ['Git'],
      authorities: [ssh],
      attestations: [{ predicateType: 'https://slsa.dev/provenance/v1' }],
    },
    says: /attestations are for images; add Image to subjects/,
  },
  {
    plural,
    what: 'a statement by nobody',
    changes: { ...enforced, attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', authorities: ['nobody'] }] },
    says: /an attestation names an authority that the policy does not have/,
  },
  {
    plural,
    what: 'a revoked key by a part of its fingerprint',
    changes: { revoked: [{ fingerprint: 'abcd' }] },
    says: /must be 40 or 64 hex digits in lower case, or SHA256:/,
  },
  {
    plural,
    what: 'a key revoked twice',
    changes: { revoked: [{ fingerprint: 'a'.repeat(64) }, { fingerprint: 'a'.repeat(64) }] },
    says: /Duplicate value/,
  },
  {
    plural,
    what: 'T5: discovery of root',
    changes: { scope: { root: true }, discovery: { enabled: true } },
    says: /discovery asks the prefix, and root has none to ask/,
  },
  {
    plural,
    what: 'an interval in days',
    changes: { discovery: { enabled: true, interval: '1d' } },
    says: /must be a duration, as 90m or 24h/,
  },
];
