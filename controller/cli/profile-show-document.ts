/** What `profile show` answers: which addons a node is to run, and which it runs. Pure. The document's shape is described in docs/cli.md and stays. */
import type { NodeTarget, NodeTargetStatusHostAddons, NodeTargetStatusHostAddonsEntry } from '../api/node-target.ts';
import type { SystemPool } from '../api/system-pool.ts';
import { optional } from './status-document.ts';
import { line } from './trust-review.ts';
import { table } from './table.ts';

/** Coming: not merged by this boot, and wanted. Leaving: merged, and no longer wanted. Replacing: another image of it is merged. */
export type NodeAddonState = NodeTargetStatusHostAddonsEntry['state'] | 'Coming' | 'Leaving' | 'Replacing';

export interface NodeAddon {
  name: string;
  state: NodeAddonState;
  /** Of the file that is wanted, or of the one that leaves. */
  digest: string;
  /** The artifact that is wanted. */
  image?: string;
  /** Who asks for it: the image (vendor), the pool or the node; absent where neither NodeTarget nor pool says. */
  from?: string;
  reason?: string;
  message?: string;
}

export interface NodeProfile {
  kind: 'NodeProfile';
  version: 1;
  node: string;
  pool: string;
  /** Whether the node runs the set that it is to run. */
  ok: boolean;
  /** Whether it can merge addons at all. */
  capable: boolean;
  /** Digests of the sets; absent: without addons. */
  wanted?: string;
  running?: string;
  /** What the boot has come to; absent where nobody has looked. */
  state?: string;
  addons: NodeAddon[];
  /** What keeps nodes of the pool from their addons. */
  problems: { reason: string; message: string }[];
}

export function nodeProfile({ metadata, spec, status }: NodeTarget, pool: Pick<SystemPool, 'status'> | undefined): NodeProfile {
  const host = status?.host;
  const merged = host?.addons;
  return {
    kind: 'NodeProfile',
    version: 1,
    node: metadata.name,
    pool: spec.poolRef.name,
    ok: spec.addonSet === merged?.set && (spec.addonSet === undefined || merged?.state === 'Merged'),
    capable: host?.capabilities?.includes('Addons') ?? false,
    ...optional('wanted', spec.addonSet),
    ...optional('running', merged?.set),
    ...optional('state', merged?.state),
    addons: addonsOf(spec, merged, pool),
    problems: (pool?.status?.addons?.problems ?? []).map(({ reason, message }) => ({ reason, message })),
  };
}

/** Those that are wanted, then those that are not any more. */
function addonsOf(
  { addons = [], addonSet }: NodeTarget['spec'],
  merged: NodeTargetStatusHostAddons | undefined,
  pool: Pick<SystemPool, 'status'> | undefined,
): NodeAddon[] {
  const set = pool?.status?.addons?.sets?.find(one => one.set === addonSet);
  const running = new Map(merged?.entries?.map(entry => [entry.name, entry]));
  const wanted = addons.map(({ name, image, digest, from: asked }): NodeAddon => {
    // Nodes may have one set and ask for it in other ways. A target of before says nothing of it.
    const from = asked ?? set?.addons.find(addon => addon.name === name)?.from;
    return { name, digest, image, ...optional('from', from), ...standingOf(digest, running.get(name)) };
  });
  const names = new Set(addons.map(({ name }) => name));
  const leaving = [...running.values()]
    .filter(({ name }) => !names.has(name))
    .map(({ name, digest }): NodeAddon => ({ name, digest, state: 'Leaving' }));
  return [...wanted, ...leaving];
}

function standingOf(
  digest: string,
  now: NodeTargetStatusHostAddonsEntry | undefined,
): Pick<NodeAddon, 'state' | 'reason' | 'message'> {
  if (!now) return { state: 'Coming' };
  if (now.digest !== digest) return { state: 'Replacing' };
  return { state: now.state, ...optional('reason', now.reason), ...optional('message', now.message) };
}

export function nodeProfileText(profile: NodeProfile): string {
  const { node, pool, ok, capable, wanted, running, state, addons, problems } = profile;
  const columns = [
    { title: 'ADDON', of: (a: NodeAddon) => a.name },
    { title: 'STATE', of: (a: NodeAddon) => a.state },
    { title: 'FROM', of: (a: NodeAddon) => a.from ?? '' },
    { title: 'DIGEST', of: (a: NodeAddon) => a.digest.slice(0, 'sha256:'.length + 12) },
    { title: 'MESSAGE', of: (a: NodeAddon) => [a.reason, a.message].filter(Boolean).join(': ') },
  ];
  const says = ok
    ? wanted === undefined
      ? 'is to run no addons, and runs none'
      : 'runs the addons that it is to run'
    : 'does not run the addons that it is to run';
  return `${[
    `${node} (SystemPool ${pool}) ${says}`,
    ...(capable ? [] : ['It cannot merge addons, or has not said so.']),
    line('Wanted', wanted ?? 'none'),
    line('Running', `${running ?? 'none'}${state === undefined ? ', nobody has looked' : ` (${state})`}`),
    ...(addons.length === 0 ? [] : ['', ...table(addons, columns)]),
    ...problems.map(({ reason, message }) => `${reason}: ${message}`),
  ].join('\n')}\n`;
}
