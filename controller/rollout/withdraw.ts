/** What of Scantling is left in a cluster that it is being taken away from, and what to do next about it: pure. */
import { nodeTargetFinalizer, poolFinalizer, sourceFinalizer } from '../api/names.ts';
import { isGoingDown, isOfAnother, mayGoDown, type Timeouts } from './classify.ts';
import { runsTarget } from './on-host.ts';
import type { NodeTargetView, NodeView } from './projection.ts';

/** A Node, and the mark of our cordon on it as it is written there; one that cannot be read has no `cordon`. */
export type MarkedNode = NodeView & { mark?: string };

export interface LeftObject {
  name: string;
  resourceVersion: string;
  finalizers: readonly string[];
}

export interface LeftPod {
  name: string;
  /** Epoch ms since which it is being deleted. */
  goingSince?: number;
}

/** All of ours that is not a user's object. */
export interface Remains {
  nodes: readonly MarkedNode[];
  nodeTargets: readonly NodeTargetView[];
  pools: readonly (LeftObject & { timeouts: Timeouts })[];
  sources: readonly LeftObject[];
  /** Names of Jobs of builds. */
  jobs: readonly string[];
  pods: readonly LeftPod[];
  /** Names of the copies of pull Secrets. */
  secrets: readonly string[];
}

/** One API call each, safe to break off after any of them. */
export type Step =
  /** The go-ahead of a node that has not begun to go down, or is given up. */
  | { do: 'TakeBack'; node: string }
  /** Takes our mark off; with `keep` the node stays cordoned. `late`: it was told to reboot and is not back. */
  | { do: 'Uncordon'; node: string; keep: false | 'foreign' | 'unreadable'; late: boolean }
  | { do: 'Release'; kind: 'NodeTarget' | 'SystemPool' | 'SystemSource'; name: string; finalizer: string }
  | { do: 'DeleteJob'; name: string }
  | { do: 'DeleteSecret'; name: string };

/** What ends by itself. Times are epoch ms. */
export interface Wait {
  kind: 'Node' | 'Pod';
  name: string;
  since?: number;
}

export interface Withdrawal {
  steps: Step[];
  waits: Wait[];
}

/** As of a pool that is gone: its nodes are on their way down only by what their agents say. */
const noTimeouts: Timeouts = { stage: 0, drain: 0, reboot: 0 };

/** What to do now. From `deadline` on (epoch ms) nothing that goes down is waited for any more. The order of objects does not matter. */
export function withdraw(remains: Remains, { now, deadline }: { now: number; deadline: number }): Withdrawal {
  const out: Withdrawal = { steps: [], waits: [] };
  for (const name of remains.jobs.toSorted()) out.steps.push({ do: 'DeleteJob', name });
  release(out, 'SystemSource', remains.sources, sourceFinalizer);
  const late = now >= deadline;
  for (const scene of scenesOf(remains)) leaveNode(out, scene, { now, late });
  // Nodes never wait for these. Without its pool nobody knows a copy's name.
  for (const name of remains.secrets.toSorted()) out.steps.push({ do: 'DeleteSecret', name });
  // What a pool's finalizer stands for is that its nodes are done.
  if (!out.waits.some(w => w.kind === 'Node')) release(out, 'SystemPool', remains.pools, poolFinalizer);
  if (!late) out.waits.push(...remains.pods.map(podWait));
  return out;
}

/** One thing of ours that is there. */
export interface Leftover {
  kind: 'Node' | 'NodeTarget' | 'SystemPool' | 'SystemSource' | 'Job' | 'Pod' | 'Secret';
  name: string;
  what: string;
}

/** Everything that is left: what `scantling uninstall --check` lists. A pod that is going by itself is left until it is gone. */
export function leftOf({ nodes, nodeTargets, pools, sources, jobs, pods, secrets }: Remains): Leftover[] {
  const left: Leftover[] = [];
  for (const { name, mark, cordon } of nodes) {
    if (mark === undefined) continue;
    left.push({ kind: 'Node', name, what: cordon ? `cordoned for SystemPool ${cordon.pool}` : 'has a mark that cannot be read' });
  }
  for (const target of nodeTargets)
    if (isOutstanding(target)) left.push({ kind: 'NodeTarget', name: target.name, what: 'has a go-ahead to reboot' });
  const held = (kind: Leftover['kind'], objects: readonly LeftObject[], finalizer: string): void => {
    for (const { name, finalizers } of objects)
      if (finalizers.includes(finalizer)) left.push({ kind, name, what: `has the finalizer ${finalizer}` });
  };
  held('NodeTarget', nodeTargets, nodeTargetFinalizer);
  held('SystemPool', pools, poolFinalizer);
  held('SystemSource', sources, sourceFinalizer);
  for (const name of jobs) left.push({ kind: 'Job', name, what: 'of a build' });
  for (const { name, goingSince } of pods)
    left.push({ kind: 'Pod', name, what: goingSince === undefined ? 'of a build' : 'of a build, on its way out' });
  for (const name of secrets) left.push({ kind: 'Secret', name, what: 'copy of a pull Secret' });
  return left;
}

/** A step that was done, in words. */
export function wordsOf(step: Step): string {
  switch (step.do) {
    case 'TakeBack':
      return `${step.node}: took its go-ahead to reboot back`;
    case 'Uncordon': {
      const late = step.late ? ' though it was told to reboot and is not back' : '';
      if (step.keep === 'foreign') return `${step.node}: took our mark off${late}; it stays cordoned, as it was before we came`;
      if (step.keep === 'unreadable')
        return `${step.node}: took a mark off that cannot be read; whether its cordon was ours is not known, so it is as it was`;
      return `${step.node}: uncordoned${late}`;
    }
    case 'Release':
      return `${step.kind} ${step.name}: took the finalizer ${step.finalizer} off`;
    case 'DeleteJob':
      return `Job ${step.name}: deleted`;
    case 'DeleteSecret':
      return `Secret ${step.name}: deleted`;
  }
}

/** Whether an agent may still act on the target's go-ahead: no boot under it has been judged, and its host runs something else. */
export function isOutstanding(nodeTarget: NodeTargetView): boolean {
  const { state, approval, verdict } = nodeTarget;
  return state === 'Booted' && !runsTarget(nodeTarget) && (verdict === undefined || verdict.approval !== approval);
}

interface Scene {
  name: string;
  node?: MarkedNode;
  nodeTarget?: NodeTargetView;
  timeouts: Timeouts;
}

function scenesOf({ nodes, nodeTargets, pools }: Remains): Scene[] {
  const targets = new Map(nodeTargets.map(t => [t.name, t]));
  const marked = new Map(nodes.map(n => [n.name, n]));
  const timeouts = new Map(pools.map(p => [p.name, p.timeouts]));
  return [...new Set([...targets.keys(), ...marked.keys()])].toSorted().map(name => {
    const [node, nodeTarget] = [marked.get(name), targets.get(name)];
    return {
      name,
      ...(node ? { node } : {}),
      ...(nodeTarget ? { nodeTarget } : {}),
      timeouts: timeouts.get(nodeTarget?.pool ?? '') ?? noTimeouts,
    };
  });
}

function leaveNode(out: Withdrawal, { name, node, nodeTarget, timeouts }: Scene, o: { now: number; late: boolean }): void {
  const own = node && nodeTarget && !isOfAnother(nodeTarget, node) ? { node, nodeTarget } : undefined;
  const down = own !== undefined && isGoingDown(own.node, own.nodeTarget, o.now);
  const away = own !== undefined && mayGoDown(own.node, own.nodeTarget, { pool: own.nodeTarget.pool, timeouts, now: o.now });
  if (nodeTarget && isOutstanding(nodeTarget) && !(down && away && !o.late)) {
    out.steps.push({ do: 'TakeBack', node: name });
    // What the write answers tells whether the agent was faster. A host that hung on its way down gets its time anew: it may still go.
    if (!o.late) {
      out.waits.push({ kind: 'Node', name });
      return;
    }
  }
  if (away && !o.late) {
    out.waits.push({ kind: 'Node', name, since: own.nodeTarget.since });
    return;
  }
  if (node?.mark !== undefined) {
    const keep = node.cordon === undefined ? 'unreadable' : node.cordon.wasUnschedulable ? 'foreign' : false;
    out.steps.push({ do: 'Uncordon', node: name, keep, late: away });
  }
  if (nodeTarget) release(out, 'NodeTarget', [nodeTarget], nodeTargetFinalizer);
}

function release(
  out: Withdrawal,
  kind: Extract<Step, { do: 'Release' }>['kind'],
  objects: readonly LeftObject[],
  finalizer: string,
): void {
  const held = objects.filter(o => o.finalizers.includes(finalizer));
  out.steps.push(...held.map(({ name }) => ({ do: 'Release' as const, kind, name, finalizer })));
}

function podWait({ name, goingSince }: LeftPod): Wait {
  return { kind: 'Pod', name, ...(goingSince === undefined ? {} : { since: goingSince }) };
}
