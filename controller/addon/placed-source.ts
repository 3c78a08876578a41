/** A variant that is made of files, trees and units: what goes where, from the spec and from the repository. */
import { canonicalJson } from '../api/canonical-json.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import { documentAnnotation } from '../api/names.ts';
import type { SystemAddon, SystemAddonSpecVariant } from '../api/system-addon.ts';
import { systemsources } from '../api/system-source.ts';
import { type Input, renderFiles, renderTrees } from '../definition/files.ts';
import { quote, refusePath } from '../definition/image-path.ts';
import { type Placement, checkPlacements } from '../definition/image-tree.ts';
import { type InputTree, collectInputs } from '../definition/inputs.ts';
import { collectProblems } from '../definition/problems.ts';
import { requestedInputs } from '../definition/repository-path.ts';
import { renderUnits } from '../definition/units.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import { sha256 } from '../registry/digest.ts';
import { followedSource } from './projection.ts';
import type { AddonReason } from './reasons.ts';

/** How long a source may take to appear or to apply its first revision; its change wakes the addon sooner. */
const sourceRecheckMs = 60_000;

/**
 * The revision that an addon's files are read at: its own, or that of the source it reads; undefined where it reads none.
 * @throws WaitingError `SourceNotReady`
 */
export async function addonRevision(client: Client, { spec }: SystemAddon): Promise<string | undefined> {
  const name = followedSource(spec);
  if (name === undefined) return spec.sourceRef?.revision;
  const source = await findObject(client, systemsources, name);
  const revision = source?.status?.lastAppliedRevision;
  if (revision !== undefined) return revision;
  const why = source ? 'has not applied a revision yet' : 'does not exist; apply it or correct the name';
  throw new WaitingError('SourceNotReady' satisfies AddonReason, `spec.sourceRef: SystemSource ${name} ${why}`, sourceRecheckMs);
}

export interface PlacedSourceOptions {
  /** The repository at a revision, for this addon. */
  open: (source: string, revision: string) => Promise<InputTree>;
  revision: string | undefined;
  /** As `spec.variants[0].source`. */
  field: string;
}

/** Whether the variant names a path of the repository. */
export function readsTree({ source }: Pick<SystemAddonSpecVariant, 'source'>): boolean {
  return (source.trees?.length ?? 0) > 0 || (source.files ?? []).some(file => file.from !== undefined);
}

/**
 * Everything that the variant places, in the order of the spec.
 * @throws StallingError `RenderFailed` or `InputNotFound` that names every field that is wrong; what the repository throws
 */
export async function placeSource(
  addon: SystemAddon,
  { source }: Pick<SystemAddonSpecVariant, 'source'>,
  { open, revision, field }: PlacedSourceOptions,
): Promise<Placement[]> {
  const { files, trees, units } = source;
  const { sourceRef } = addon.spec;
  const document = addon.metadata.annotations?.[documentAnnotation];
  const reading = { ...(files ? { files } : {}), ...(trees ? { trees } : {}), ...(sourceRef ? { sourceRef } : {}) };
  const requests = requestedInputs(reading, document, field);
  const inputs =
    requests.length > 0 && sourceRef && revision !== undefined
      ? await collectInputs(requests, await open(sourceRef.name, revision), { revision, document })
      : new Map<string, Input>();
  const problems = collectProblems('RenderFailed');
  const placed = [
    ...renderTrees(reading, requests, inputs, problems, field),
    ...renderFiles(reading, requests, inputs, problems, field),
  ];
  const paths = new Set(placed.map(({ path }) => path));
  // Nothing enables them: the host has planned its boot before they are merged. What is in spec.services is started.
  const plain = { units: (units ?? []).map(unit => ({ ...unit, mask: false })) };
  const placements = [...placed, ...renderUnits(plain, path => paths.has(path), problems, field).placements];
  checkPlacements(placements, problems, refuseAddonPath);
  if (placements.length === 0) problems.add(field, 'places nothing; name files, trees or units');
  problems.check(document);
  return placements;
}

/** Why an addon cannot have a path, or undefined when it can: a systemd extension is merged over /usr and /opt only. */
function refuseAddonPath(path: string): string | undefined {
  const wrong = refusePath(path);
  if (wrong !== undefined) return wrong;
  return /^\/(usr|opt)\/./.test(path)
    ? undefined
    : `${quote(path)} is neither below /usr nor below /opt, where addons are merged`;
}

/** Digest of what is placed; the fields that asked for it are not in it. */
export function placementsDigest(placements: readonly Placement[]): string {
  const entries = placements
    .map(({ path, content }) => ('link' in content ? [path, content.link] : [path, content.mode, sha256(content.bytes)]))
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return sha256(canonicalJson(entries));
}

/** The files of one variant are held in memory while it is made, twice: here and in the thread that makes it. The controller has half a gibibyte. */
const maxBytes = 64 * 1024 * 1024;

/** @throws StallingError `RenderFailed` when there is more than is made in memory */
export function requireSize(placements: readonly Placement[], field: string): void {
  const size = placements.reduce((sum, { content }) => sum + ('bytes' in content ? content.bytes.length : 0), 0);
  if (size <= maxBytes) return;
  const reason: AddonReason = 'RenderFailed';
  throw new StallingError(reason, `${field} holds ${size} bytes, more than ${maxBytes}; put large files into an image`);
}
