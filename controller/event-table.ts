/** Every event that the controller sends, by the kind that it is about: docs/events.md is written from it, and a test holds what is sent against it. */
import { addonReasons } from './addon/reasons.ts';
import { buildReasons } from './build/reasons.ts';
import { definitionReasons } from './definition/reasons.ts';
import { registryReasons } from './registry/reasons.ts';
import { poolReasons } from './rollout/reasons.ts';
import { sourceReasons } from './source/reasons.ts';
import { policyReasons } from './trust/reasons.ts';
import { type ImageEvent, imageEvents, judgementReasons } from './trust/reasons.ts';

export interface EventEntry {
  reason: string;
  type: 'Normal' | 'Warning';
  /** The event's action. */
  action: string;
  meaning: string;
  when: string;
}

type Reasons = Readonly<Record<string, string>>;

/** Words of the API server that pass through, where it refuses a write or does not answer. */
const apiReasons: Reasons = {
  Forbidden: 'The API server does not let the controller do it; the message names the object.',
  Invalid: 'The API server refuses an object as invalid.',
  BadRequest: 'The API server refuses a request.',
  Conflict: 'The object changed meanwhile; tried again.',
  TooManyRequests: 'The API server is overloaded; tried again.',
  InternalError: 'The API server failed; tried again.',
  ServiceUnavailable: 'The API server, or a webhook of admission, is not there; tried again.',
  Timeout: 'The API server took too long; tried again.',
  ConnectionFailed: 'The API server did not answer; tried again.',
  NotLeading: 'The process lost its Lease and writes nothing any more.',
  Error: 'Something that nobody foresaw; the log has its stack.',
};

const readyChanges = 'Ready gets this reason, or another message with it';

/** `reasons` without those of `but`, as warnings. */
function warnings(reasons: Reasons, action: string, but: readonly string[] = []): EventEntry[] {
  return Object.entries(reasons)
    .filter(([reason]) => !but.includes(reason))
    .map(([reason, meaning]) => ({ reason, type: 'Warning', action, meaning, when: readyChanges }));
}

/** One entry whose meaning is in a table of reasons. */
function entry<R extends Reasons>(
  reasons: R,
  reason: keyof R & string,
  { type = 'Normal', action, when }: { type?: EventEntry['type']; action: string; when: string },
): EventEntry {
  return { reason, type, action, meaning: reasons[reason] ?? '', when };
}

/** What becomes of judgements of an object's images. */
function imageJudgements(action: string): EventEntry[] {
  const when = 'the condition ImageTrusted becomes another';
  return Object.entries(imageEvents).map(([reason, meaning]) => ({
    reason,
    type: reason === ('ImageTrusted' satisfies ImageEvent) ? 'Normal' : 'Warning',
    action,
    meaning,
    when,
  }));
}

/** Reasons that are told as Normal, or of which there is no event. */
const noWarnings = {
  judgement: 'NotConfigured Skipped Trusted Warned'.split(' '),
  source:
    'NewRevision Succeeded Suspended Released Progressing FilesIgnored ReceiverOff SourceTrusted Untrusted Revoked NoPolicy TrustNotLoaded'.split(
      ' ',
    ),
  definition: 'BuildRequested Succeeded Suspended WaitingForApproval BuildPending Building BuildNotOwned SourceNotReady'.split(
    ' ',
  ),
  addon:
    'Succeeded Building Built Suspended SourceNotReady PackagesBuilding PackagesNotOwned ArtifactGone ArtifactSigned ArtifactsPruned'.split(
      ' ',
    ),
  /** Of a source, where another object reads it. */
  otherSource:
    'NewRevision Released FilesIgnored ReceiverOff SourceRefused SourceTrusted Untrusted Revoked NoPolicy TrustWarned TrustSkipped TrustNotLoaded TrustRemoved'.split(
      ' ',
    ),
  build:
    'BuildStarted Succeeded Canceled Superseded Queued Building BuildsPruned PruneFailed DeletionUnsupported NoContext ImageNotFound CacheNotSynced ImageSigned'.split(
      ' ',
    ),
};

const rollout = { action: 'Rollout' } as const;
const reconcile = { action: 'Reconcile' } as const;
const build = { action: 'Build' } as const;

export const eventTable: Readonly<Record<string, readonly EventEntry[]>> = {
  SystemSource: [
    entry(sourceReasons, 'NewRevision', { ...reconcile, when: 'the documents of another revision are applied' }),
    entry(sourceReasons, 'Succeeded', { ...reconcile, when: 'the same revision is good again' }),
    entry(sourceReasons, 'Suspended', { ...reconcile, when: 'a source that was not Ready is suspended', type: 'Warning' }),
    entry(sourceReasons, 'Released', { ...reconcile, when: 'a source is deleted, and what it applied stays' }),
    entry(sourceReasons, 'SourceTrusted', { ...reconcile, when: 'a commit counts, after one that did not' }),
    ...warnings(sourceReasons, 'Reconcile', noWarnings.source),
    ...warnings(apiReasons, 'Reconcile'),
  ],
  SystemDefinition: [
    entry(definitionReasons, 'BuildRequested', { ...reconcile, when: 'an ImageBuild is created' }),
    entry(definitionReasons, 'Succeeded', { ...reconcile, when: 'another image is that of the present inputs' }),
    entry(definitionReasons, 'Suspended', { ...reconcile, when: 'spec.build.suspend is set' }),
    entry(definitionReasons, 'WaitingForApproval', { ...reconcile, when: 'another digest waits for approval' }),
    entry(definitionReasons, 'BuildCanceled', { ...reconcile, when: 'the ImageBuild was canceled' }),
    entry(definitionReasons, 'SourceNotReady', { ...reconcile, when: 'it begins to wait for its source' }),
    entry(definitionReasons, 'BaseNotReady', { ...reconcile, when: 'it begins to wait for the definition it is based on' }),
    entry(definitionReasons, 'BuildNotOwned', { ...reconcile, when: 'it begins to wait for a build to go' }),
    ...warnings(definitionReasons, 'Reconcile', noWarnings.definition),
    // Of the source whose files it reads, and of the registries that it asks.
    ...warnings(withoutThose(sourceReasons, definitionReasons), 'Reconcile', noWarnings.otherSource),
    ...warnings(withoutThose(registryReasons, definitionReasons), 'Reconcile'),
    ...warnings(
      withoutThose(buildReasons, { ...definitionReasons, ...registryReasons, ...sourceReasons }),
      'Reconcile',
      noWarnings.build,
    ),
    ...warnings(apiReasons, 'Reconcile'),
    ...imageJudgements('Reconcile'),
    ...warnings(judgementReasons, 'Reconcile', noWarnings.judgement),
    entry(buildReasons, 'BuildsPruned', { action: 'Prune', when: 'retention has deleted builds' }),
    entry(buildReasons, 'PruneFailed', { action: 'Prune', when: 'retention could not delete builds', type: 'Warning' }),
    entry(buildReasons, 'DeletionUnsupported', { action: 'Prune', when: 'the registry refuses to delete', type: 'Warning' }),
  ],
  SystemAddon: [
    entry(addonReasons, 'Built', { ...reconcile, when: 'a variant has another artifact' }),
    entry(addonReasons, 'Succeeded', { ...reconcile, when: 'all variants are as they should be again, without one being made' }),
    entry(addonReasons, 'Suspended', { ...reconcile, when: 'spec.suspend is set' }),
    entry(addonReasons, 'SourceNotReady', { ...reconcile, when: 'it begins to wait for its source' }),
    entry(addonReasons, 'PackagesBuilding', { ...reconcile, when: 'it begins to wait until its packages are installed' }),
    entry(addonReasons, 'PackagesNotOwned', { ...reconcile, when: 'it begins to wait for a definition to go' }),
    entry(addonReasons, 'ArtifactSigned', { ...reconcile, when: 'a key that is new for it has signed what was made before' }),
    entry(addonReasons, 'ArtifactsPruned', { ...reconcile, when: 'former artifacts were removed from the registry' }),
    entry(addonReasons, 'ArtifactGone', { ...reconcile, when: 'an artifact is found to be gone', type: 'Warning' }),
    ...(['SecretNotFound', 'InvalidSecret'] as const).map(reason =>
      entry(addonReasons, reason, { ...reconcile, when: 'it begins to wait for its Secret' }),
    ),
    ...warnings(addonReasons, 'Reconcile', noWarnings.addon),
    // Of the source whose files it reads, and of the registries that it asks.
    ...warnings(withoutThose(sourceReasons, addonReasons), 'Reconcile', noWarnings.otherSource),
    ...warnings(withoutThose(registryReasons, addonReasons), 'Reconcile'),
    ...warnings(apiReasons, 'Reconcile'),
    ...imageJudgements('Reconcile'),
    ...warnings(judgementReasons, 'Reconcile', noWarnings.judgement),
  ],
  ImageBuild: [
    entry(buildReasons, 'BuildStarted', { ...build, when: 'the first attempt begins' }),
    entry(buildReasons, 'Succeeded', { ...build, when: 'the image is pushed' }),
    entry(buildReasons, 'Canceled', { ...build, when: 'the annotation is found' }),
    entry(buildReasons, 'Superseded', { ...build, when: 'a newer build of the definition is found' }),
    entry(buildReasons, 'ImageSigned', { ...build, when: 'another key, or another definition of signing, has signed it' }),
    ...imageJudgements('Build'),
    ...warnings(buildReasons, 'Build', noWarnings.build),
    ...warnings(withoutThose(judgementReasons, buildReasons), 'Build', noWarnings.judgement),
    ...warnings(withoutThose(registryReasons, buildReasons), 'Build'),
    ...warnings(apiReasons, 'Build'),
  ],
  TrustPolicy: [
    entry(policyReasons, 'KeysRead', { action: 'Read', when: 'Ready becomes True, or another message says how many keys count' }),
    ...warnings(policyReasons, 'Read', ['KeysRead', 'KeyPending', 'DiscoveryFailed']),
    entry(policyReasons, 'KeyPending', {
      action: 'Discover',
      when: 'discovery finds a key that did not wait before',
      type: 'Warning',
    }),
  ],
  SystemPool: [
    entry(poolReasons, 'RolloutStarted', { ...rollout, when: 'the target is another image' }),
    entry(poolReasons, 'CanaryDone', { ...rollout, when: 'the wave goes from canary to rest' }),
    entry(poolReasons, 'RolloutComplete', { ...rollout, when: 'Ready becomes True' }),
    entry(poolReasons, 'RolloutHalted', { ...rollout, when: 'Ready gets this reason', type: 'Warning' }),
    entry(poolReasons, 'AddonsNotReady', { ...rollout, when: 'Ready gets this reason' }),
    entry(poolReasons, 'Collision', { ...rollout, when: 'Ready gets this reason', type: 'Warning' }),
    entry(poolReasons, 'InvalidAddons', { ...rollout, when: 'Ready gets this reason', type: 'Warning' }),
    entry(poolReasons, 'NodeFailed', { ...rollout, when: 'a node comes into status.failedNodes', type: 'Warning' }),
    entry(poolReasons, 'DrainBlocked', { action: 'Drain', when: 'a drain is first found to be held up', type: 'Warning' }),
    ...imageJudgements('Judge'),
    entry(poolReasons, 'TrustRemoved', {
      action: 'Judge',
      when: 'the last TrustPolicy for images is found to be removed',
      type: 'Warning',
    }),
    entry(poolReasons, 'RunningUntrusted', {
      action: 'Judge',
      when: 'nodes are found to run an image that is not allowed',
      type: 'Warning',
    }),
    ...warnings(apiReasons, 'Rollout').map(refusal => ({
      ...refusal,
      when: 'a write for the pool or one of its nodes is refused',
    })),
  ],
};

/** Whether the table has such an event. */
export function isKnownEvent(kind: string, event: { reason: string; type: string; action: string }): boolean {
  return (eventTable[kind] ?? []).some(
    ({ reason, type, action }) => reason === event.reason && type === event.type && action === event.action,
  );
}

function withoutThose(reasons: Reasons, others: Reasons): Reasons {
  return Object.fromEntries(Object.entries(reasons).filter(([reason]) => !Object.hasOwn(others, reason)));
}
