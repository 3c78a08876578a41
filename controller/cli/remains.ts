/** Reads all that Scantling has left in a cluster, apart from what is its users'. */
import { jobs, nodes, pods, secrets, type Node } from '../api/core.ts';
import { parseDuration } from '../api/duration.ts';
import type { KubeObject } from '../api/meta.ts';
import { buildLabel, cordonAnnotation } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import { systempools, type SystemPool } from '../api/system-pool.ts';
import { systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import { projectNode, projectNodeTarget } from '../rollout/projection.ts';
import type { LeftObject, LeftPod, MarkedNode, Remains } from '../rollout/withdraw.ts';

/** Where the operator's own objects are. */
export interface Places {
  namespace: string;
  agentNamespace: string;
}

/** Throws ApiError and TransientError: what cannot be read is never taken for absent. */
export async function readRemains(client: Client, { namespace, agentNamespace }: Places): Promise<Remains> {
  const ofBuilds = { namespace, labelSelector: buildLabel };
  const [seenNodes, nodeTargets, pools, sources, jobNames, seenPods] = await Promise.all([
    listAll(client, nodes, markedNode),
    listAll(client, nodetargets, projectNodeTarget),
    listAll(client, systempools, pool),
    listAll(client, systemsources, leftObject),
    listAll(client, jobs, nameOf, ofBuilds),
    listAll(client, pods, leftPod, ofBuilds),
  ]);
  const poolNames = new Set([...pools.map(p => p.name), ...nodeTargets.map(t => t.pool)]);
  return {
    nodes: seenNodes,
    nodeTargets,
    pools,
    sources,
    jobs: jobNames,
    pods: seenPods,
    secrets: await copiesOf(client, agentNamespace, poolNames),
  };
}

/** Secrets are never listed: the copies are asked for by the names that they have for each pool. */
async function copiesOf(client: Client, namespace: string, pools: ReadonlySet<string>): Promise<string[]> {
  const found: string[] = [];
  for (const name of [...pools].map(p => `pool-${p}`)) {
    try {
      found.push((await client.get(secrets, name, namespace)).metadata.name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return found;
}

export function markedNode(node: Node): MarkedNode {
  const mark = node.metadata.annotations?.[cordonAnnotation];
  return { ...projectNode(node), ...(mark === undefined ? {} : { mark }) };
}

function pool(object: SystemPool): Remains['pools'][number] {
  const { stage, drain, reboot } = object.spec.rollout.timeouts;
  const timeouts = { stage: parseDuration(stage), drain: parseDuration(drain), reboot: parseDuration(reboot) };
  return { ...leftObject(object), timeouts };
}

function leftObject({ metadata }: KubeObject): LeftObject {
  return { name: metadata.name, resourceVersion: metadata.resourceVersion ?? '', finalizers: metadata.finalizers ?? [] };
}

function leftPod({ metadata }: KubeObject): LeftPod {
  const goingSince = Date.parse(metadata.deletionTimestamp ?? '');
  return { name: metadata.name, ...(Number.isNaN(goingSince) ? {} : { goingSince }) };
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name;
}
