import assert from 'node:assert/strict';
import { nodeTargetFinalizer } from '../../controller/api/names.ts';
import type { Action } from '../../controller/rollout/actions.ts';
import type { Machine } from './machine.ts';

/** Carries out one write on a machine's objects, as the API server would. */
export function write(machine: Machine, action: Action, resourceVersion: string): void {
  const { node } = machine;
  switch (action.type) {
    case 'target':
      return retarget(machine, action, resourceVersion);
    case 'cordon':
      machine.node = { ...node, resourceVersion, unschedulable: true, cordon: action.cordon };
      machine.opened = false;
      return;
    case 'uncordon': {
      assert.equal(node.cordon?.pool, 'pool', 'lifts only its own cordon');
      const { cordon, ...rest } = node;
      machine.node = { ...rest, resourceVersion, unschedulable: node.unschedulable && (cordon?.wasUnschedulable ?? false) };
      if (!machine.node.unschedulable) machine.pods = 2;
      return;
    }
    case 'approve':
      assert(machine.nodeTarget);
      assert(node.cordon?.pool === 'pool' && node.unschedulable, 'approves only a node it cordoned');
      machine.nodeTarget = {
        ...machine.nodeTarget,
        resourceVersion,
        state: 'Booted',
        approval: action.approval,
        since: action.since,
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

function retarget(machine: Machine, action: Action & { type: 'target' }, resourceVersion: string): void {
  const { node } = machine;
  const { image: reference, digests, revision } = action.target;
  const old = machine.nodeTarget;
  machine.nodeTarget = {
    name: node.name,
    uid: old?.uid ?? `target-${resourceVersion}`,
    resourceVersion,
    pool: 'pool',
    nodeUID: node.uid,
    deleting: false,
    finalizers: [],
    image: reference,
    digests,
    ...(revision ? { revision } : {}),
    state: 'Staged',
    since: action.since,
    retried: action.retried ?? old?.retried ?? [],
    ...(old?.host ? { host: old.host } : {}),
    ...(old?.verdict ? { verdict: old.verdict } : {}),
    ...(old?.rollout ? { rollout: old.rollout } : {}),
  };
  if (action.retried) machine.failedOn.clear();
}
