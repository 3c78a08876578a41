/** Every reason of a TrustPolicy's conditions and events, of judgements and of failed look-ups, and what it means. */

/** Condition while spec.mode is not Enforce. */
export const notEnforced = 'NotEnforced';
/** Condition while found keys wait for a person, or could not be looked for. */
export const keysPending = 'KeysPending';

/** Of the policies themselves. */
export const policyReasons = {
  KeysRead: 'All authorities of the policy were read.',
  SecretNotFound:
    "A Secret or ConfigMap that the policy names is missing in the operator's namespace, or lacks its key; what it holds does not count.",
  KeyUnreadable: 'A key or a trusted root could not be read for now; tried again. What it would allow is not accepted meanwhile.',
  InvalidKey: 'A key, or what else an authority is made of, cannot be used; the message names the authority and says why.',
  ScopeConflict:
    'Another policy has the same scope and a common subject; the message names it. What they cover must satisfy both.',
  Expired: 'No authority of the policy counts at this time: their keys are expired or not yet valid.',
  Revoked: 'No authority of the policy counts: their keys are revoked.',
  Warn: 'spec.mode is Warn: what is not trusted is let through, and said (NotEnforced).',
  Skip: 'spec.mode is Skip: what the scope covers is not judged (NotEnforced).',
  KeyPending: 'Discovery found keys that no person has accepted or revoked (KeysPending and event).',
  DiscoveryFailed: 'Discovery found no keys, and why (KeysPending).',
} as const;

export type PolicyReason = keyof typeof policyReasons;

/** Of judgements, and of look-ups that came to none. */
export const judgementReasons = {
  NotConfigured: 'There is no TrustPolicy for the subject: nothing is verified, and everything is let through.',
  NoPolicy: 'There are TrustPolicies for the subject, and none covers the name.',
  Skipped: 'The TrustPolicy that governs the name has mode Skip: nothing was verified.',
  Trusted: 'It is signed as the TrustPolicy that governs the name requires.',
  Warned: 'It is not signed as required, and let through because the TrustPolicy has mode Warn.',
  Untrusted: 'It is not signed as required; the message says by whom it should be, and what was found.',
  Revoked: 'What it was accepted by, or would have been, is revoked by a policy.',
  SignatureLookupFailed: 'The registry did not say what is signed; tried again. Nothing is accepted meanwhile.',
  InvalidURL: 'The URL is not one of a repository, so that no policy can cover it.',
  TrustNotLoaded: 'Not all TrustPolicies are read yet; tried again in a moment. Nothing is accepted meanwhile.',
  TrustRemoved:
    'The last TrustPolicy for the subject was removed less than a minute ago. Nothing new is accepted until there is one again or the minute is over; one with scope.root and mode Skip lets everything through at once.',
} as const;

export type JudgementReason = keyof typeof judgementReasons;

/** Events, of whatever object images are judged for: one when what is said in its condition ImageTrusted becomes another. */
export const imageEvents = {
  ImageTrusted: 'Its images are signed as their policies require.',
  ImageRefused:
    'An image of it is not trusted, or not any more: it is not used, and what is in use already is not taken from what runs.',
  TrustWarned: 'An image of it is not signed as required, and let through because the TrustPolicy has mode Warn.',
  TrustSkipped: 'An image of it is not verified, because the TrustPolicy has mode Skip.',
} as const;

export type ImageEvent = keyof typeof imageEvents;

/** Of keys that we sign with. */
export const signingReasons = {
  SigningKeyInvalid:
    'What spec.signing names is no key that images can be signed with, or is not opened by its password; the message says why.',
  SigningFailed: 'What was signed could not be pushed, or is not what was pushed when it is read back; tried again.',
} as const;

export type SigningReason = keyof typeof signingReasons;

/** Of what was looked at as a signature or an attestation of an image (the candidates of a judgement). */
export const candidateReasons = {
  Accepted: 'It holds, and its authority counts.',
  Malformed: 'It is not what its media type says, or could be read in two ways.',
  TooLarge: 'It is larger than what is read, or has more parts, and was not looked at.',
  TooMany: 'More is attached to the image than is looked at, or can be judged in the time that there is; this was not.',
  Missing: 'It is listed, and the registry says that it is not there; where it could have mattered the look-up is tried again.',
  WrongType: 'It is signed, but says something else than that an image is signed.',
  WrongDigest: 'It is about another image.',
  SeveralSignatures: 'Its envelope has not exactly one signature.',
  Unsupported: 'It is of a form that is not accepted; the message says which one is.',
  NotASignature: 'It says something about the image, and no policy asks for such a statement; it approves of nothing.',
  UnknownKey: 'No key that counts has made the signature, or the signature or what it is over was changed.',
  CertificateRefused: 'It is signed with a certificate, and no authority that counts takes certificates.',
  NoCertificate: 'It is signed with a key alone, and all authorities that count take certificates only.',
  CertificateInvalid:
    'Its certificate does not lead to an authority of the trusted root, was not valid when it was signed, or is in no log that counts.',
  WrongIdentity: 'Its certificate is of somebody who is no identity of the authority.',
  NoIdentity: 'Its certificate names no one, or can be read as naming more than one.',
  NotLogged: 'The authority requires an entry of the transparency log, and it has none.',
  LogInvalid: 'Its entry of the log, or its timestamp, does not hold, is of no service that counts, or is about something else.',
  NotYetValid: 'It was signed before its key counts, or the key does not count yet.',
  Expired: 'It was signed after its key has ceased to count, or nothing proves that it was signed before.',
  Revoked: 'A policy revokes its key.',
  RootInvalid: 'The trusted root of the authority cannot be used.',
  WrongBuilder: 'The image was built by another builder than the policy asks for.',
  WrongSource: 'The image was built from another repository than the policy asks for.',
  WrongCommit: 'The image was built from another commit than it is known to be built from.',
  CommitUnknown: 'The policy compares the commit, and it is not known which one the image is built from.',
  WrongAuthority: 'It is signed by an authority that the policy does not take this statement from.',
} as const;

export type CandidateReason = keyof typeof candidateReasons;

/** Of what was looked at as a signature of a commit or a tag (the candidates of a judgement). */
export const commitReasons = {
  Accepted: 'It holds, and its authority counts.',
  Unsigned: 'It is not signed.',
  Malformed: 'The commit, the tag or its signature is not as Git writes it, and could be read in two ways.',
  Unsupported: 'It is signed in a form that is not accepted, as with X.509.',
  UnknownKey: 'It is signed by a key that is not among those of the authority.',
  BadSignature: 'The key has not made the signature, or what it is of was changed.',
  WeakSignature: 'The key or a hash is too weak, or the key may not sign.',
  WrongNamespace: 'The SSH signature was made for something else than Git.',
  WrongPrincipal: 'The key belongs to nobody who counts.',
  NoTouch: 'Nobody has touched the security token.',
  NotYetValid: 'It is dated before its key counts.',
  Expired: 'It is dated after its key has ceased to count, or nothing shows that it was made before.',
  FutureDate: 'Its date has not come yet.',
  RevokedKey: 'The key is revoked, by its owner or by a policy.',
  OutsidePaths: 'It changes files that the authority may not sign for.',
  NotAnnotated: 'The tag is only a name, without an object that could be signed.',
  RenamedTag: 'The tag object calls itself otherwise than the ref does.',
  NestedTag: 'The tag is of another tag, or of something else than a commit.',
  HistoryTooLong: 'There are more commits since the last verified one than are looked at.',
  InvalidGitObject: 'An object is not what its id says; tried again.',
  OpenPGPUnavailable: 'The module that checks OpenPGP signatures cannot be loaded; tried again.',
} as const;

export type CommitReason = keyof typeof commitReasons;
