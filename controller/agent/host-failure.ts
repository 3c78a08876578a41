/** From what a host command said on standard error to a reason, and when it may be tried again. bootc has no codes, only texts. */
import type { Outcome } from './host.ts';

export interface HostFailure {
  /** CamelCase, for conditions. */
  reason: string;
  /** The command's own words. */
  message: string;
  /** Waits for a person; tried again, but seldom. */
  stalled: boolean;
  /** Lies in the image: it fails the same way each time, so it is not tried again without a new approval. */
  permanent: boolean;
  /** First and longest wait before the next try, ms. */
  backoff: readonly [number, number];
}

type Class = Omit<HostFailure, 'message'>;

const second = 1000;
const minute = 60 * second;
const soon = [10 * second, 10 * minute] as const;
const later = [minute, 15 * minute] as const;
const seldom = [5 * minute, 60 * minute] as const;

function transient(reason: string, backoff: readonly [number, number]): Class {
  return { reason, stalled: false, permanent: false, backoff };
}
function person(reason: string): Class {
  return { reason, stalled: true, permanent: false, backoff: seldom };
}
function badImage(reason: string): Class {
  return { reason, stalled: true, permanent: true, backoff: seldom };
}

/**
 * Of containers/image (signature/policy_eval*.go) and of bootc's own check. The image proxy says them as they are, a pull by podman after "Source image rejected". A policy that
 * cannot be read refuses every image.
 */
const signatureRefused =
  /A signature was required|signature verification failed|refusing usage|Source image rejected|is rejected by policy|None of the signatures were accepted|Signature for (identity|digest) |invalid policy in |parsing signature storage configuration|No public key verified|missing dev\.cosignproject\.cosign/;

/** The first that matches counts: what stands at the end of bootc's chain of causes is more telling than what it was doing. */
const classes: readonly (readonly [RegExp, Class])[] = [
  [/Detected container; this command requires a booted host system/, person('AgentMisconfigured')],
  [/System not booted via bootc/, person('Unmanaged')],
  [/is on a read-only block device/, person('HostReadOnly')],
  [/local rpm-ostree modifications/, person('HostIncompatible')],
  [/Missing base image ref/, person('DeploymentCorrupt')],
  [/Merge conflicts found in etc/, person('EtcConflict')],
  [signatureRefused, person('SignatureRejected')],
  [
    /Image has architecture|does not have ostree\.bootable label|no image found in (manifest list|image index)/,
    badImage('ImageRefused'),
  ],
  [/Pulling bound images/, badImage('BoundImageFailed')],
  [/Insufficient free space|[Nn]o space left on device|ENOSPC/, transient('DiskFull', later)],
  [/unauthorized|authentication required|denied: /, transient('RegistryUnauthorized', later)],
  [/manifest unknown|name unknown|not found: manifest/, transient('ImageNotFound', later)],
  [/failed to invoke method|unexpected HTTP status|dial tcp|i\/o timeout|TLS handshake/, transient('RegistryUnavailable', soon)],
];

/** Classifies a command that did not do what it should. `fallback` is the reason when its words are of no known class. */
export function failureOf(outcome: Outcome, fallback: string): HostFailure {
  const message = wordsOf(outcome);
  const found = classes.find(([pattern]) => pattern.test(message));
  return { ...(found?.[1] ?? transient(fallback, later)), message };
}

/** No wait that `retryAt` sets is longer than this, ms. */
export function longestWait([, longest]: HostFailure['backoff']): number {
  return longest * 1.2;
}

/** When to try again after `count` failures: doubled each time, with up to a fifth more so that a pool's nodes spread. */
export function retryAt(failure: HostFailure, count: number, now: number, random: number): number {
  const [first, longest] = failure.backoff;
  return now + Math.min(longest, first * 2 ** Math.min(count - 1, 20)) * (1 + random / 5);
}

/** What the command said, cut to what a status takes, and without a URL's user and password. */
export function wordsOf(outcome: Outcome): string {
  const lines = outcome.stderr.split('\n').filter(l => l.trim() !== '');
  const error = lines.findLastIndex(l => l.startsWith('error: '));
  const words = (error === -1 ? lines.slice(-3) : lines.slice(error)).join(' ').replace(/^error: /, '');
  const said = words.replaceAll(/\/\/[^/@\s"]+@/g, '//***@');
  if (said !== '') return said.slice(0, 1000);
  return outcome.code === undefined
    ? 'the command ended without a word'
    : `the command ended with code ${outcome.code} and no word`;
}
