/** What each authority says of one commit or tag: pure but for the crypto, which the library for OpenPGP does asynchronously. */
import { type AllowedSigner, matchesPatterns } from './allowed-signers.ts';
import type { Signed } from './commit-object.ts';
import { type ReadyAuthority, fingerprintsOf } from './git-keys.ts';
import type { SignatureForm } from './judgement.ts';
import { MalformedOpenPGP } from './openpgp-packet.ts';
import { readOpenPGPSignature, verifyOpenPGP } from './openpgp-signature.ts';
import { matchesGlobs } from './path-globs.ts';
import type { CommitReason } from './reasons.ts';
import type { Revocation } from './rules.ts';
import { type Moment, wrongTime } from './signature-time.ts';
import type { Validity } from './validity.ts';
import { type SSHSignature, readSSHSignature, verifySSHSignature } from './ssh-signature.ts';
import { MalformedSSH } from './ssh-wire.ts';

/** A commit or an annotated tag, as far as judging asks. */
export interface SignedObject {
  what: 'commit' | 'tag';
  oid: string;
  signed?: Signed;
}

/** What judging depends on beside the object and the keys. */
export interface Surroundings {
  moment: Moment;
  revoked: readonly Revocation[];
  /** Paths that the object changes; asked only for authorities that are limited to some. */
  changed: () => Promise<readonly string[]>;
}

/** What one authority says. */
export interface Finding {
  /** As `policy/authority`. */
  authority: string;
  form: SignatureForm;
  /** Id of the object. */
  oid: string;
  accepted: boolean;
  reason: CommitReason;
  message: string;
  /** Fingerprints of all keys of the authority. */
  keys: readonly string[];
  /** Fingerprint of the key that signed, where it is known. */
  key?: string;
  /** Of OpenPGP the fingerprint of the subkey that made the signature, which may belong to several keys. */
  signing?: string;
  /** Principal or user id, for people. */
  identity?: string;
  /** When a refusal passes by itself. Epoch milliseconds. */
  until?: number;
}

/** Why an authority does not count, or by whom it signed. */
type Answer = Pick<Finding, 'reason' | 'message' | 'key' | 'signing' | 'identity' | 'until'>;

/** An answer for all authorities, because the signature itself is wrong. */
class Refusal extends Error {
  readonly reason: CommitReason;
  constructor(reason: CommitReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

type Claim = { form: 'SSH'; signature: SSHSignature; touched: boolean } | { form: 'OpenPGP'; payload: Buffer; armored: Buffer };

/** One finding for each authority. */
export async function judgeObject(
  object: SignedObject,
  authorities: readonly ReadyAuthority[],
  around: Surroundings,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let claim: Claim | Refusal;
  try {
    claim = claimOf(object);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    claim = error;
  }
  for (const ready of authorities) {
    const answer = await answerOf(ready, object, claim, around);
    const { policy, name, kind } = ready.authority;
    const form = claim instanceof Refusal ? (kind === 'ssh' ? 'SSH' : 'OpenPGP') : claim.form;
    const accepted = answer.reason === 'Accepted';
    findings.push({ authority: `${policy}/${name}`, form, oid: object.oid, keys: fingerprintsOf(ready), accepted, ...answer });
  }
  return findings;
}

/** The signature, read, and where that needs no key of an authority, checked. */
function claimOf({ what, signed }: SignedObject): Claim {
  if (!signed) throw new Refusal('Unsigned', `the ${what} is not signed`);
  const { payload, signature } = signed;
  const first = signature.toString('latin1', 0, 64).split('\n')[0];
  if (first === '-----BEGIN PGP SIGNATURE-----') return { form: 'OpenPGP', payload, armored: signature };
  if (first !== '-----BEGIN SSH SIGNATURE-----')
    throw new Refusal('Unsupported', 'it is signed neither with SSH nor with OpenPGP');
  try {
    const read = readSSHSignature(signature);
    const presence = verifySSHSignature(read, payload);
    if (!presence)
      throw new Refusal('BadSignature', `it is not by its key ${read.key.fingerprint}, or what it is of was changed`);
    if (read.namespace !== 'git')
      throw new Refusal('WrongNamespace', `it was signed for ${JSON.stringify(read.namespace.slice(0, 64))}, not for git`);
    return { form: 'SSH', signature: read, touched: presence.touched };
  } catch (error) {
    if (error instanceof MalformedSSH) throw new Refusal('Malformed', `its SSH signature does not count: ${error.message}`);
    throw error;
  }
}

async function answerOf(
  ready: ReadyAuthority,
  object: SignedObject,
  claim: Claim | Refusal,
  around: Surroundings,
): Promise<Answer> {
  if (claim instanceof Refusal) return { reason: claim.reason, message: claim.message };
  const answer = claim.form === 'SSH' ? answerOfSSH(ready, claim, around) : await answerOfOpenPGP(ready, claim, around);
  const { paths } = ready.authority;
  if (answer.reason !== 'Accepted' || paths === undefined) return answer;
  const outside = (await around.changed()).filter(path => !matchesGlobs(path, paths));
  const [first] = outside;
  if (first === undefined) return answer;
  const more = outside.length > 1 ? ` and ${outside.length - 1} more` : '';
  const message = `the ${object.what} changes ${JSON.stringify(first.slice(0, 256))}${more}, and ${identityOf(answer)} may sign for ${paths.join(', ')} only`;
  return { ...answer, reason: 'OutsidePaths', message };
}

function answerOfSSH(ready: ReadyAuthority, claim: Extract<Claim, { form: 'SSH' }>, around: Surroundings): Answer {
  const { key, certificate } = claim.signature;
  const unknown: Answer = {
    reason: 'UnknownKey',
    message: `it is signed by the SSH key ${key.fingerprint}, which is not among its keys`,
    key: key.fingerprint,
  };
  if (ready.kind !== 'ssh') return unknown;
  const revocation = revocationOf([key.fingerprint, ...(certificate ? [certificate.authority.fingerprint] : [])], around.revoked);
  let answer = unknown;
  for (const signer of ready.signers) {
    const expected = signer.certAuthority ? certificate?.authority : certificate ? undefined : key;
    if (!expected?.blob.equals(signer.key.blob)) continue;
    answer = revocation ?? answerOfSigner(signer, ready.authority.principals, claim, around.moment);
    if (answer.reason === 'Accepted') break;
  }
  return { ...answer, key: key.fingerprint };
}

/** A line of allowed signers whose key, or whose certificate's authority, has signed. */
function answerOfSigner(
  signer: AllowedSigner,
  principals: readonly string[] | undefined,
  { signature, touched }: Extract<Claim, { form: 'SSH' }>,
  moment: Moment,
): Answer {
  const { key, certificate } = signature;
  if (signer.namespaces !== undefined && !matchesPatterns('git', signer.namespaces))
    return { reason: 'WrongNamespace', message: `its key may sign for ${signer.namespaces} only, not for git` };
  // Whom a certificate names is one of the patterns; whose plain key it is, the patterns themselves say.
  const named = certificate
    ? certificate.principals.filter(name => matchesPatterns(name, signer.principals) && (principals?.includes(name) ?? true))
    : (principals?.filter(name => matchesPatterns(name, signer.principals)) ?? [signer.principals]);
  const [identity] = named;
  if (identity === undefined) {
    const whose = certificate ? certificate.principals.join(', ') : signer.principals;
    return { reason: 'WrongPrincipal', message: `its key is of ${JSON.stringify(whose.slice(0, 256))}, who does not count` };
  }
  if (key.application !== undefined && !touched && !signer.noTouchRequired)
    return { reason: 'NoTouch', message: 'nobody has touched the security token that signed it' };
  const wrong = wrongTime(key.fingerprint, validityOf(signer, certificate), moment);
  if (wrong) return { ...wrong, identity };
  return { reason: 'Accepted', message: `signed by ${identity} (SSH key ${key.fingerprint})`, identity };
}

function validityOf(signer: AllowedSigner, certificate: SSHSignature['certificate']): Validity {
  const notBefore = Math.max(signer.validAfter ?? -Infinity, certificate?.validAfter ?? -Infinity);
  // Of a certificate the time itself no longer counts, of a line it still does.
  const notAfter = Math.min(signer.validBefore ?? Infinity, (certificate?.validBefore ?? Infinity) - 1000);
  return { notBefore, notAfter };
}

async function answerOfOpenPGP(
  ready: ReadyAuthority,
  { payload, armored }: Extract<Claim, { form: 'OpenPGP' }>,
  { moment, revoked }: Surroundings,
): Promise<Answer> {
  if (ready.kind !== 'openPGP') return { reason: 'UnknownKey', message: 'it is signed with OpenPGP, and its keys are of SSH' };
  try {
    const signature = await readOpenPGPSignature(armored);
    const { signer, failure } = await verifyOpenPGP({ signature, payload, keys: ready.keys, now: moment.now });
    if (!signer) return failure ?? { reason: 'UnknownKey', message: 'it is by none of its keys' };
    const shown = { key: signer.fingerprint, signing: signer.signing, identity: signer.identity };
    const refusal = revocationOf([signer.fingerprint, signer.signing], revoked) ?? failure;
    if (refusal) return { ...refusal, ...shown };
    // Whoever has an expired key can write two dates as well as one, so the earlier counts.
    const date = moment.date > moment.now ? moment.date : Math.min(moment.date, signature.created);
    const wrong = wrongTime(signer.fingerprint, signer, { ...moment, date });
    if (wrong) return { ...wrong, ...shown };
    return { reason: 'Accepted', message: `signed by ${signer.identity} (OpenPGP key ${signer.fingerprint})`, ...shown };
  } catch (error) {
    if (!(error instanceof MalformedOpenPGP)) throw error;
    return { reason: 'Malformed', message: `its OpenPGP signature does not count: ${error.message}` };
  }
}

/** Nothing but the commit itself tells when it was made, so a revocation's `since` excuses none. */
function revocationOf(fingerprints: readonly string[], revoked: readonly Revocation[]): Answer | undefined {
  const revocation = revoked.find(({ fingerprint }) => fingerprints.includes(fingerprint));
  if (!revocation) return undefined;
  return { reason: 'RevokedKey', message: `its key ${revocation.fingerprint} is revoked by TrustPolicy ${revocation.policy}` };
}

function identityOf({ identity, key }: Answer): string {
  return identity ?? key ?? 'its signer';
}
