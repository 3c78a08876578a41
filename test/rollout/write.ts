import assert from 'node:assert/strict';
import { nodeTargetFinalizer } from '../../controller/api/names.ts';
import type { Action } from '../../controller/rollout/actions.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';
import type { Machine, PoolName, Seen } from './machine.ts';

/** Carries out one write on a machine's objects, as the API server would. */
export function write(
  machine: Machine,
  action: Action,
  { pool, resourceVersion }: { pool: PoolName; resourceVersion: string },
): void {
  const { node } = machine;
  switch (action.type) {
    case 'target':
      return retarget(machine, action, { pool, resourceVersion });
    case 'cordon':
      machine.node = { ...node, resourceVersion, unschedulable: true, cordon: action.cordon };
      machine.opened = false;
      return;
    case 'uncordon': {
      assert.equal(node.cordon?.pool, pool, 'lifts only its own cordon');
      const { cordon, ...rest } = node;
      machine.node = { ...rest, resourceVersion, unschedulable: node.unschedulable && (cordon?.wasUnschedulable ?? false) };
      if (!machine.node.unschedulable) machine.pods = 2;
      return;
    }
    case 'approve':
      assert(machine.nodeTarget);
      assert(
        isOpen(action) || (node.cordon?.pool === pool && node.unschedulable),
        'approves only a node it cordoned, or one that needs no cordon',
      );
      machine.nodeTarget = {
        ...machine.nodeTarget,
        resourceVersion,
        state: 'Booted',
        approval: action.approval,
        since: action.since,
        ...(action.apply ? { apply: action.apply } : {}),
        finalizers: [nodeTargetFinalizer],
      };
      return;
    case 'report': {
      assert(machine.nodeTarget);
      const { rollout: _, ...rest } = machine.nodeTarget;
      machine.nodeTarget = { ...rest, resourceVersion, ...(action.rollout ? { rollout: action.rollout } : {}) };
      return;
    }
    case 'remove':
      delete machine.nodeTarget;
      return;
  }
}

function retarget(
  machine: Machine,
  action: Action & { type: 'target' },
  { pool, resourceVersion }: { pool: PoolName; resourceVersion: string },
): void {
  const { node, seen } = machine;
  const { image: reference, digests, revision, addons } = action.target;
  const old = machine.nodeTarget;
  machine.nodeTarget = {
    name: node.name,
    uid: old?.uid ?? `target-${resourceVersion}`,
    resourceVersion,
    pool,
    nodeUID: (machine.lag > 0 ? seen : undefined)?.node.uid ?? node.uid,
    deleting: false,
    finalizers: [],
    image: reference,
    digests,
    ...(revision ? { revision } : {}),
    ...(addons ? { addons } : {}),
    ...(action.apply ? { apply: action.apply } : {}),
    ...(action.pullSecret ? { pullSecret: action.pullSecret } : {}),
    state: 'Staged',
    since: action.since,
    retried: action.retried ?? old?.retried ?? [],
    ...(old ? statusOf(old) : {}),
  };
  if (action.retried) machine.failedOn.clear();
}

function statusOf({ host, verdict, rollout, unstagedAt }: NodeTargetView): Partial<NodeTargetView> {
  return {
    ...(host ? { host } : {}),
    ...(verdict ? { verdict } : {}),
    ...(rollout ? { rollout } : {}),
    ...(unstagedAt === undefined ? {} : { unstagedAt }),
  };
}

/** A go-ahead for a change on the running host of which the node's pods notice nothing. */
export function isOpen(action: Action): boolean {
  return action.type === 'approve' && action.apply?.mode === 'Live' && action.apply.drain === false;
}

/** A write that the API server does not take, because its object is another by now. */
export class Conflict extends Error {}

/** Throws Conflict where the write's precondition fails: what it was planned from is not what is there. */
export function checkPrecondition(machine: Machine, action: Action, seen: Seen, deleting: boolean): void {
  const { node, nodeTarget } = machine;
  const sameTarget = seen.nodeTarget?.resourceVersion === nodeTarget?.resourceVersion;
  const holds = {
    target: () => sameTarget,
    cordon: () => !machine.deleted && seen.node === node,
    uncordon: () => !machine.deleted && seen.node === node,
    approve: () => sameTarget && !machine.deleted && isAsTaken(machine, seen, isOpen(action)),
    report: () => seen.nodeTarget?.uid === nodeTarget?.uid,
    remove: () => sameTarget && ((action.type === 'remove' && action.back) || !isWanted(machine, seen, deleting)),
  }[action.type];
  if (!holds()) throw new Conflict(`${action.type} of ${action.node}`);
}

/** The look at the node itself before a go-ahead. */
function isAsTaken({ node, nodeTarget }: Machine, seen: Seen, open: boolean): boolean {
  const ownCordon = node.cordon?.pool === seen.node.cordon?.pool && node.cordon?.since === seen.node.cordon?.since;
  const same = node.uid === seen.node.uid && node.bootID === seen.node.bootID && nodeTarget?.nodeUID === node.uid;
  return ownCordon && same && (open || node.unschedulable);
}

/** The look at the node itself before a target is taken away. */
function isWanted(machine: Machine, { nodeTarget }: Seen, deleting: boolean): boolean {
  if (!nodeTarget || nodeTarget.deleting || deleting) return false;
  const selected = nodeTarget.pool === 'pool' ? machine.inPool : machine.inOther;
  return !machine.deleted && nodeTarget.nodeUID === machine.node.uid && selected;
}
