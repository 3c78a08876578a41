/** What an image tells its host of trust, beside the files of its definition: pure. */
import { parse } from 'yaml';
import { WaitingError } from '../api/errors.ts';
import { type HostFile, hostTrustPaths } from '../api/host-trust.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { sha256 } from '../registry/digest.ts';
import { quote } from './image-path.ts';
import type { Placement } from './image-tree.ts';
import type { Problems } from './problems.ts';
import type { DefinitionReason } from './reasons.ts';
import { workloadImages } from './workloads.ts';

/** As trust/ makes it of the policies. */
export interface HostTrustFiles {
  /** None where there is no policy for images. */
  files: readonly HostFile[];
  /** Authorities that could not be read, as `policy/authority`, and why: the files are not what the policies ask for. */
  unread: readonly { name: string; message: string }[];
  /** When they are others without any policy being changed, epoch ms. */
  changesAt?: number;
}

/**
 * What the hosts of a definition's image may pull, as it is named: the image itself, its base, those of its workloads, and where it merges addons, the artifacts of all there are (`addons`,
 * their repositories): pools and Nodes choose among them, and hosts judge them by the same files.
 */
export function pulledImages(
  spec: SystemDefinitionSpec,
  { base }: { base: { image: string } },
  addons: Iterable<string>,
): string[] {
  const merged = spec.addons?.support === true ? [...new Set(addons)].toSorted() : [];
  return [spec.output.repository, base.image, ...workloadImages(spec), ...merged];
}

const recheckMs = 60_000;

/** Throws WaitingError `PolicyUnread`: what hosts accept is not said by half. */
export function requireRead({ unread: [first, ...others] }: HostTrustFiles): void {
  if (!first) return;
  const more = others.length > 0 ? `; and ${others.length} more` : '';
  throw new WaitingError(
    'PolicyUnread' satisfies DefinitionReason,
    `what hosts are to accept is not known until authority ${first.name} of the TrustPolicies can be read: ${first.message}${more}`,
    recheckMs,
  );
}

const encoder = new TextEncoder();
const insteadOfOwn = "what hosts accept follows from the cluster's TrustPolicies; remove it, and say it in a TrustPolicy";
const directory = hostTrustPaths.lookups.slice(0, hostTrustPaths.lookups.lastIndexOf('/') + 1);

/** The files, and a problem for each of the definition's own that stands in their way. */
export function renderHostTrust(files: readonly HostFile[], own: readonly Placement[], problems: Problems): Placement[] {
  if (files.length === 0) return [];
  const paths = new Set(files.map(({ path }) => path));
  for (const placement of own) {
    const wrong = refuse(placement, paths);
    if (wrong !== undefined) problems.add(placement.field, wrong);
  }
  const refused = new Set(own.map(({ path }) => path));
  return files
    .filter(({ path }) => !refused.has(path))
    .map(({ path, mode, content }) => ({ path, content: { mode, bytes: encoder.encode(content) }, field: 'TrustPolicies' }));
}

/**
 * The digest of the files, for telling whether a context was rendered with them; undefined for none. Where they cannot be known, the context that there is (`settled`) was
 * rendered with the right ones: that something cannot be read is no reason to make an image anew.
 */
export function hostTrustDigest({ files, unread }: HostTrustFiles, settled: string | undefined): string | undefined {
  if (unread.length > 0 && settled !== undefined) return settled;
  return files.length === 0 ? undefined : sha256(encoder.encode(JSON.stringify(files)));
}

/** A day; timers hold 24 at most. */
const longestWaitMs = 86_400_000;

/** The sooner of a wait and of a change to come (epoch ms). */
export function sooner(waitMs: number | undefined, changesAt: number | undefined, now: number): number | undefined {
  if (changesAt === undefined) return waitMs;
  return Math.min(waitMs ?? Infinity, longestWaitMs, Math.max(1000, changesAt - now));
}

function refuse({ path, content }: Placement, paths: ReadonlySet<string>): string | undefined {
  if (paths.has(path)) return `${quote(path)}: ${insteadOfOwn}`;
  if (!paths.has(hostTrustPaths.lookups) || !path.startsWith(directory) || !path.endsWith('.yaml')) return undefined;
  if (!('bytes' in content) || !saysDefault(content.bytes)) return undefined;
  return `${quote(path)} has default-docker, as ${hostTrustPaths.lookups} has: with both, every pull is refused; ${insteadOfOwn}`;
}

/** Two files with default-docker are an error of containers/image, and one that it cannot read is one too. */
function saysDefault(bytes: Uint8Array): boolean {
  try {
    const parsed: unknown = parse(Buffer.from(bytes).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'default-docker' in parsed;
  } catch {
    // Not for us to judge: it is as wrong without a policy.
    return false;
  }
}
