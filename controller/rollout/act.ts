/** Carries out one action of a plan: one API call, each with the version the plan was made from as its precondition (409 otherwise). */
import { nodes } from '../api/core.ts';
import { TransientError } from '../api/errors.ts';
import {
  cordonAnnotation,
  fieldManagers,
  nodeTargetFinalizer,
  nodeUIDAnnotation,
  poolLabel,
  retriedAnnotation,
} from '../api/names.ts';
import { type NodeTarget, nodetargets } from '../api/node-target.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { type Action, withoutOurs } from './actions.ts';
import { isOfAnother } from './classify.ts';
import { formatCordon } from './cordon.ts';
import { type NodeTargetView, type NodeView, projectNode, projectNodeTarget, type SystemPoolView } from './projection.ts';
import { matches } from './select.ts';
import type { Written } from './written.ts';

export interface Acting {
  client: Client;
  nodes: Written<NodeView>;
  nodeTargets: Written<NodeTargetView>;
  /** Absent when the pool is gone. */
  pool?: SystemPoolView;
  /** What the plan was made from; kept up with the writes made since. */
  seen: { nodes: Map<string, NodeView>; nodeTargets: Map<string, NodeTargetView> };
}

const fieldManager = fieldManagers.rollout;

export async function carryOut(acting: Acting, action: Action): Promise<void> {
  switch (action.type) {
    case 'target':
      return retarget(acting, action);
    case 'cordon':
      return patchNode(acting, action.node, formatCordon(action.cordon), { unschedulable: true });
    case 'uncordon':
      // Somebody else's cordon from before ours stays.
      return patchNode(acting, action.node, null, action.cordon.wasUnschedulable ? {} : { unschedulable: null });
    case 'approve':
      return approve(acting, action);
    case 'report':
      return report(acting, action);
    case 'remove':
      return remove(acting, action);
  }
}

async function retarget(acting: Acting, action: Action & { type: 'target' }): Promise<void> {
  const { image, digests, revision, addons } = action.target;
  const { pullSecret, apply } = action;
  const { pool } = acting;
  if (!pool) throw new TransientError('PoolGone', `the pool of ${action.node} is gone`);
  const since = new Date(action.since).toISOString();
  const seen = acting.seen.nodeTargets.get(action.node);
  const nodeUID = acting.seen.nodes.get(action.node)?.uid;
  const ofNode = nodeUID === undefined ? {} : { [nodeUIDAnnotation]: nodeUID };
  if (!seen) {
    const spec = { poolRef: { name: pool.name }, image, digests: [...digests], state: 'Staged' as const, since };
    // Not an apply: it would overwrite a target that the cache does not show yet.
    noteTarget(
      acting,
      await acting.client.create(
        nodetargets,
        {
          apiVersion: 'scantling.dev/v1alpha1',
          kind: 'NodeTarget',
          metadata: {
            name: action.node,
            labels: { [poolLabel]: pool.name },
            annotations: ofNode,
            ownerReferences: [
              { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name: pool.name, uid: pool.uid, controller: true },
            ],
          },
          spec: {
            ...spec,
            ...(revision === undefined ? {} : { revision }),
            ...(addons ? { addons: [...addons.addons], addonSet: addons.digest } : {}),
            ...(pullSecret ? { pullSecret } : {}),
          },
        },
        { fieldManager },
      ),
    );
    return;
  }
  const retried = action.retried ? { [retriedAnnotation]: action.retried.join(' ') } : {};
  const metadata = { annotations: { ...ofNode, ...retried }, finalizers: withoutOurs(seen.finalizers) };
  await patchTarget(acting, seen, metadata, {
    image,
    digests,
    revision: revision ?? null,
    ...(addons || seen.addons ? { addons: addons?.addons ?? null, addonSet: addons?.digest ?? null } : {}),
    ...orNull('apply', apply, seen.apply),
    ...orNull('pullSecret', pullSecret, seen.pullSecret),
    state: 'Staged',
    approval: null,
    since,
  });
}

/** In a merge patch: takes away what was there; what was not there is not named, which an API server of before may not know. */
function orNull(key: string, value: object | undefined, before: object | undefined): object {
  return value || before ? { [key]: value ?? null } : {};
}

async function approve(acting: Acting, action: Action & { type: 'approve' }): Promise<void> {
  const seen = acting.seen.nodeTargets.get(action.node);
  const expected = acting.seen.nodes.get(action.node);
  if (!seen || !expected) throw new TransientError('NodeChanged', `${action.node} is gone`);
  // The last moment at which a lagging cache can be caught: after this the node reboots, or changes what runs.
  const node = projectNode(await acting.client.get(nodes, action.node));
  const own = node.cordon?.pool === expected.cordon?.pool && node.cordon?.since === expected.cordon?.since;
  const same = node.uid === expected.uid && node.bootID === expected.bootID && !isOfAnother(seen, node);
  const isOpen = action.apply?.drain === false;
  if (!same || (!node.unschedulable && !isOpen) || !own) {
    noteNode(acting, node);
    throw new TransientError('NodeChanged', `${action.node} changed just before its go-ahead`);
  }
  const since = new Date(action.since).toISOString();
  const finalizers = [...withoutOurs(seen.finalizers), nodeTargetFinalizer];
  const metadata = { annotations: { [nodeUIDAnnotation]: node.uid }, finalizers };
  const apply = action.apply ? { apply: action.apply } : {};
  await patchTarget(acting, seen, metadata, { state: 'Booted', approval: action.approval, since, ...apply });
}

async function report(acting: Acting, action: Action & { type: 'report' }): Promise<void> {
  const seen = acting.seen.nodeTargets.get(action.node);
  if (!seen) return;
  const { rollout } = action;
  noteTarget(
    acting,
    await acting.client.applyStatus(
      nodetargets,
      {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'NodeTarget',
        metadata: { name: action.node, uid: seen.uid },
        status: rollout ? { rollout } : {},
      },
      { fieldManager },
    ),
  );
}

/** Deletes a NodeTarget or lets it go, after a look at the node itself: what only the cache says is not enough to take a target away. */
async function remove(acting: Acting, { node: name, back }: Action & { type: 'remove' }): Promise<void> {
  const seen = acting.seen.nodeTargets.get(name);
  if (!seen) return;
  const node = back ? undefined : await liveNode(acting, name);
  const wanted = !seen.deleting && node && !isOfAnother(seen, node);
  if (wanted && acting.pool && !acting.pool.deleting && matches(acting.pool.spec.nodeSelector, node.labels)) {
    noteNode(acting, node);
    throw new TransientError('NodeChanged', `${name} belongs to the pool after all`);
  }
  let { resourceVersion } = seen;
  if (seen.finalizers.includes(nodeTargetFinalizer)) {
    const body = { metadata: { resourceVersion, finalizers: withoutOurs(seen.finalizers) } };
    const released = await acting.client.mergePatch(nodetargets, name, body, { fieldManager });
    resourceVersion = released.metadata.resourceVersion ?? resourceVersion;
  }
  if (!seen.deleting) await acting.client.delete(nodetargets, name, { uid: seen.uid, resourceVersion });
  acting.nodeTargets.removed(seen);
  acting.seen.nodeTargets.delete(name);
}

async function liveNode(acting: Acting, name: string): Promise<NodeView | undefined> {
  try {
    return projectNode(await acting.client.get(nodes, name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function patchNode(
  acting: Acting,
  name: string,
  cordon: string | null,
  spec: { unschedulable?: true | null },
): Promise<void> {
  const resourceVersion = acting.seen.nodes.get(name)?.resourceVersion;
  const metadata = { resourceVersion, annotations: { [cordonAnnotation]: cordon } };
  noteNode(acting, projectNode(await acting.client.mergePatch(nodes, name, { metadata, spec }, { fieldManager })));
}

async function patchTarget(acting: Acting, seen: NodeTargetView, metadata: object, spec: object): Promise<void> {
  const body = { metadata: { resourceVersion: seen.resourceVersion, ...metadata }, spec };
  noteTarget(acting, await acting.client.mergePatch(nodetargets, seen.name, body, { fieldManager }));
}

function noteNode(acting: Acting, view: NodeView): void {
  acting.nodes.wrote(view);
  acting.seen.nodes.set(view.name, view);
}

function noteTarget(acting: Acting, target: NodeTarget): void {
  const view = projectNodeTarget(target);
  acting.nodeTargets.wrote(view);
  acting.seen.nodeTargets.set(view.name, view);
}
