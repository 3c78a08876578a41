/** Every reason that a SystemSource's conditions and events give, and what it means; the docs are written from this table. */
export const sourceReasons = {
  Succeeded: 'All documents of the revision are applied.',
  Progressing: 'A revision is being fetched or applied.',
  Suspended: 'spec.suspend is set; the last state stays.',
  InvalidSource: 'A field of spec (interval, timeout, path, URL) cannot be used.',
  InvalidSecret: 'The Secret that secretRef names lacks the keys it needs.',
  SecretNotFound: 'The Secret that secretRef names does not exist.',
  AuthenticationFailed: 'The Git server refused the credentials, or wants some.',
  RepositoryNotFound: 'The Git server knows no repository at this URL.',
  RefNotFound: 'The repository has no such branch, tag or commit.',
  GitServerUnavailable: 'The Git server is overloaded, broken or cannot be reached.',
  GitOperationFailed: 'The Git server answered something that the protocol does not allow.',
  InsecureRedirect: 'The Git server redirects to another host, or from https to http.',
  UnsupportedGitFeature:
    'A document needs a submodule, a Git LFS file, a SHA-256 repository or another feature that is not supported.',
  InvalidGitObject: 'An object is not what its id says, or cannot be parsed.',
  LimitExceeded: 'The commit passes a cap of spec.limits.',
  NonFastForward: 'The new commit does not descend from the last applied one.',
  PathNotFound: 'spec.path does not exist in the revision, or is not a directory.',
  NoDocuments: 'spec.path holds no document of our kinds.',
  FilesIgnored: 'YAML files under spec.path hold no document of ours, which is no error; the message names them.',
  DocumentsRefused: 'Some documents are invalid; status.failures names file and line.',
  ObjectClaimed: 'Another source declares the same object; neither changes it until one lets go.',
  TooManyObjects: 'The revision declares more objects than an inventory can hold.',
  NewRevision: 'A revision was applied (event).',
  Released: 'A deleted source left its objects in place, without its label (event).',
  NoPolicy: 'There are TrustPolicies for commits, and none covers the repository; the last good state stays.',
  Untrusted: 'The commit is not signed by whom it has to be; the last good state stays.',
  Revoked: 'The commit is signed by a key that is revoked; the last good state stays.',
  TrustNotLoaded: 'Not all TrustPolicies are read yet; tried again in a moment.',
  TrustRemoved:
    'The last TrustPolicy for commits was removed less than a minute ago: no other commit is applied until there is one again or the minute is over.',
  KeyUnreadable:
    'A key of a TrustPolicy could not be read for now, and nobody else who counts has signed the commit; tried again.',
  SourceRefused: 'A commit is refused, because it is not signed by whom it has to be (event).',
  SourceTrusted: 'A commit is signed by whom it has to be, after one was not (event).',
  TrustWarned: 'A commit that is not signed by whom it has to be is let through by mode Warn (event).',
  TrustSkipped: 'Commits are not verified any more, because of mode Skip (event).',
  ReceiverOff: 'spec.webhook is set, and the controller takes no calls: it was started without --webhook-address.',
  PruneBlocked: 'Objects whose documents are gone stay, because removing them needs a word from a person or a clean revision.',
} as const;

export type SourceReason = keyof typeof sourceReasons;

/** The condition type that says why objects without a document were not removed; there only while True. */
export const pruneBlocked = 'PruneBlocked';

/** The condition type that names YAML files which hold no document of ours and that no document reads; there only while True. */
export const filesIgnored = 'FilesIgnored';

/** The condition type that says why calls of spec.webhook are not taken; there only while True. */
export const webhookUnusable = 'WebhookUnusable';

/** The condition type that says whether the commit is signed by whom it has to be. */
export const sourceVerified = 'SourceVerified';
