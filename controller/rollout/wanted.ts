/** What each node of a pool is to run over its image: the pool's profile, what the node itself asks for, and the addons that there are. Pure. */
import { type AddonOrigin, isAddonName, maxAddons, type ResolvedAddon } from '../api/addon-set.ts';
import type { NodeTargetSpecAddon } from '../api/node-target.ts';
import type { AddonOffer } from '../addon/choice.ts';
import type { Compared } from '../addon/compare-addons.ts';
import type { ImageSystem } from '../addon/image-system.ts';
import { type ProfileEntry, type ProfileLayer, profileOf } from '../addon/profile.ts';
import type { ProfileProblem } from '../addon/profile-reasons.ts';
import { resolveProfile } from '../addon/resolve-profile.ts';
import { setDigest } from '../addon/set-digest.ts';
import type { Hold, Member } from './classify.ts';
import { architectureLabel, type SystemdVersions } from './image-systemd.ts';
import type { AddonSet, NodeView } from './projection.ts';
import type { PoolReason } from './reasons.ts';

/** What is known of the system in the image, for one platform. */
export type SystemKnown = ImageSystem | { hold: Hold };

export interface WantedRequest {
  /** spec.addons of the pool. */
  asked: readonly ProfileEntry[];
  nodes: readonly Pick<NodeView, 'name' | 'labels' | 'addons'>[];
  offers: ReadonlyMap<string, AddonOffer>;
  /** Whether the image may ask for addons itself. */
  mayAsk: boolean;
  /** Asked only for platforms on which something may be merged. */
  systemOf: (platform: string) => SystemKnown;
  /** The systemd in the image, as far as that is known. What is not known keeps nothing from nodes. */
  systemdOf?: (platform: string) => SystemdVersions;
  /** What a set is held back for that could be given; `names`: of its SystemAddons. */
  heldBack?: (of: { digest: string; names: readonly string[] }) => Hold | undefined;
  /** Whether addons hide files of each other or of the image; `digest` names what was compared. Undefined: that is looked up, and keeps nothing from nodes. */
  compared?: (set: AddonSet, platform: string) => (Compared & { digest: string }) | { hold: Hold } | undefined;
}

export type Wanted = ReadonlyMap<string, Pick<Member, 'addons' | 'hold'>>;

export interface WantedFound {
  /** By node; those that are to run nothing over the image are not in it. */
  wanted: Wanted;
  /** What the sets are made of, and who asks for each. */
  sets: readonly NamedSet[];
  /** Those that are not given to nodes while it is looked up whether they hide files. */
  compared?: readonly PendingSet[];
}

export interface PendingSet extends NamedSet {
  /** That are to run it. */
  nodes: number;
}

export interface NamedSet extends AddonSet {
  from: ReadonlyMap<string, AddonOrigin>;
  /** What is to be known of it. */
  note?: string;
  /** Digest of what was compared. */
  compared?: string;
}

type Answer = { set?: NamedSet } | { hold: Hold; pending?: NamedSet };

/** A person reads the first problems, and mends them. */
const toldProblems = 3;

/** Wishes that are looked at in one step: some milliseconds. */
const wishesInStep = 250;

/** What each node is to run, or what keeps it, at once. */
export function wantedBy(request: WantedRequest): WantedFound {
  const steps = wantedInSteps(request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps, between which others may have their turn. Nodes that are alike in platform and wishes are looked at once, but each may have wishes of its own. */
export function* wantedInSteps(request: WantedRequest): Generator<undefined, WantedFound, undefined> {
  const wanted = new Map<string, Pick<Member, 'addons' | 'hold'>>();
  const sets = new Map<string, NamedSet>();
  const pending = new Map<string, PendingSet>();
  const known = new Map<string, Answer>();
  for (const { name, labels, addons } of request.nodes) {
    if (!request.mayAsk && request.asked.length === 0 && addons === undefined) continue;
    const key = JSON.stringify([labels[architectureLabel], addons]);
    const answer = known.get(key) ?? answerFor(request, labels[architectureLabel], addons);
    if (!known.has(key) && (known.size + 1) % wishesInStep === 0) yield;
    known.set(key, answer);
    if ('hold' in answer) {
      wanted.set(name, { hold: answer.hold });
      const { pending: set } = answer;
      if (set) pending.set(set.digest, { ...set, nodes: (pending.get(set.digest)?.nodes ?? 0) + 1 });
    } else if (answer.set) {
      sets.set(answer.set.digest, answer.set);
      const { digest, addons: all } = answer.set;
      wanted.set(name, { addons: { digest, addons: all } });
    }
  }
  const compared = [...pending.values()].filter(({ digest }) => !sets.has(digest));
  return { wanted, sets: [...sets.values()], ...(compared.length > 0 ? { compared } : {}) };
}

function answerFor(request: WantedRequest, architecture: string | undefined, own: string | undefined): Answer {
  const layers: ProfileLayer[] = [{ from: 'pool', entries: request.asked }];
  if (own !== undefined) {
    const entries = entriesIn(own);
    if (typeof entries === 'string')
      return held('InvalidAddons', `the annotation scantling.dev/addons of the Node: ${entries}`, true);
    layers.push({ from: 'node', entries });
  }
  if (!request.mayAsk && profileOf(layers).entries.length === 0) return {};
  if (architecture === undefined) return held('AddonsNotReady', `the Node has no label ${architectureLabel} yet`);
  const platform = `linux/${architecture}`;
  const system = request.systemOf(platform);
  if ('hold' in system) return system;
  const profile = profileOf([{ from: 'vendor', entries: system.profile }, ...layers]);
  if (profile.entries.length === 0) return {};
  const host = { os: system.os, platform, ...request.systemdOf?.(platform) };
  const resolution = resolveProfile({ profile, addons: request.offers, host });
  if ('problems' in resolution) return missing(resolution.problems);
  const addons = resolution.addons.map(inTarget);
  const digest = setDigest(addons);
  if (digest === undefined) return {};
  const hold = request.heldBack?.({ digest, names: addons.map(({ name }) => name) });
  if (hold) return { hold };
  const from = new Map(resolution.addons.map(({ name, from }) => [name, from]));
  const set = { digest, addons, from };
  const compared = request.compared?.({ digest, addons }, platform);
  if (!compared) return { set };
  if ('hold' in compared) return { hold: compared.hold, pending: { ...set, note: compared.hold.message } };
  const { problems, note } = compared;
  if (problems.length > 0) return missing(problems);
  return { set: { ...set, compared: compared.digest, ...(note === undefined ? {} : { note }) } };
}

function inTarget({ name, image, digest, size, from, services = [], requires, apply }: ResolvedAddon): NodeTargetSpecAddon {
  const { kernelModules, paths } = requires ?? {};
  const ofHost = { ...(kernelModules ? { kernelModules: [...kernelModules] } : {}), ...(paths ? { paths: [...paths] } : {}) };
  return {
    name,
    image,
    digest,
    size,
    from,
    ...(services.length > 0 ? { services: [...services] } : {}),
    ...(apply ? { apply: { ...apply } } : {}),
    ...(requires ? { requires: ofHost } : {}),
  };
}

function problemsText(problems: readonly ProfileProblem[]): string {
  const more = problems.length > toldProblems ? `; and ${problems.length - toldProblems} more` : '';
  return `${problems
    .slice(0, toldProblems)
    .map(({ name, message }) => `addon ${name}: ${message}`)
    .join('; ')}${more}`;
}

function missing(problems: readonly ProfileProblem[]): { hold: Hold } {
  const reason = problems.every(problem => problem.reason === 'Collision') ? 'Collision' : 'AddonsNotReady';
  const { hold } = held(reason, problemsText(problems));
  return { hold: { ...hold, addons: problems.map(({ name }) => name) } };
}

function held(reason: PoolReason, message: string, stalled = false): { hold: Hold } {
  return { hold: { reason, message, ...(stalled ? { stalled: true } : {}) } };
}

/** The entries that an annotation's text holds, or what is wrong with it. */
function entriesIn(text: string): ProfileEntry[] | string {
  const form = 'must be a JSON list as [{"name":"containerd","addon":"containerd-2"}], with "" for none';
  const value = parsed(text);
  if (!Array.isArray(value)) return form;
  if (value.length > maxAddons) return `has more than ${maxAddons} entries`;
  const entries: ProfileEntry[] = [];
  for (const entry of value as unknown[]) {
    if (typeof entry !== 'object' || entry === null || !('name' in entry) || !('addon' in entry)) return form;
    const { name, addon } = entry;
    if (typeof name !== 'string' || !isAddonName(name)) return `${form}; one has a name that no addon may have`;
    if (addon !== null && (typeof addon !== 'string' || (addon !== '' && !isAddonName(addon))))
      return `${form}; ${name} names what no addon may be called`;
    entries.push({ name, addon });
  }
  return entries;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Said to whoever wrote it, with the form that it must have.
    return undefined;
  }
}
