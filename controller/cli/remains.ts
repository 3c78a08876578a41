/** Reads all that Scantling has left in a cluster, apart from what is its users'. */
import { jobs, nodes, pods, secrets, type Node } from '../api/core.ts';
import { parseDuration } from '../api/duration.ts';
import { TransientError } from '../api/errors.ts';
import { imagebuilds } from '../api/image-build.ts';
import type { KubeObject } from '../api/meta.ts';
import { buildAnnotation, buildLabel, cordonAnnotation, defaultLease, shardHolder } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import { systemdefinitions } from '../api/system-definition.ts';
import { systempools, type SystemPool } from '../api/system-pool.ts';
import { systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import { projectNode, projectNodeTarget } from '../rollout/projection.ts';
import { copyName, isCopy } from '../rollout/pull-secret.ts';
import type { LeftObject, LeftPod, MarkedNode, Remains } from '../rollout/withdraw.ts';

/** Where the operator's own objects are, and which of several controllers' things are meant: those of the shard that has this Lease. */
export interface Places {
  namespace: string;
  agentNamespace: string;
  lease: string;
}

/** What there is, and what of it could not be looked at. */
export interface Look {
  remains: Remains;
  unread: { what: string; error: TransientError }[];
}

/**
 * Throws ApiError and TransientError: what cannot be read is never taken for absent. Only the copies of pull Secrets nothing waits for: the right to
 * read them goes with their namespace, which may be deleted first.
 */
export async function readRemains(client: Client, places: Places): Promise<Look> {
  const { namespace, agentNamespace, lease } = places;
  const ofBuilds = { namespace, labelSelector: buildLabel };
  const [seenNodes, nodeTargets, pools, sources, definitions, builds, seenJobs, seenPods] = await Promise.all([
    listAll(client, nodes, markedNode),
    listAll(client, nodetargets, projectNodeTarget),
    listAll(client, systempools, o => ({ holder: holderOf(o), view: pool(o) })),
    listAll(client, systemsources, o => ({ holder: holderOf(o), view: leftObject(o) })),
    listAll(client, systemdefinitions, o => ({ holder: holderOf(o), name: o.metadata.name })),
    listAll(client, imagebuilds, o => [o.metadata.name, o.spec.definitionRef.name] as const),
    listAll(client, jobs, o => ({ name: o.metadata.name, build: buildOf(o) }), ofBuilds),
    listAll(client, pods, o => ({ view: leftPod(o), build: buildOf(o) }), ofBuilds),
  ]);
  // What belongs to nobody any more is the one's that acts on what has no shard.
  const isOurs = (holder: string | undefined): boolean => holder === '' || (holder ?? defaultLease) === lease;
  const poolHolders = new Map(pools.map(p => [p.view.name, p.holder]));
  const ofPool = (name: string | undefined): boolean => isOurs(poolHolders.get(name ?? ''));
  const definitionHolders = new Map(definitions.map(d => [d.name, d.holder]));
  const definitionsOfBuilds = new Map(builds);
  const ofBuild = (name: string | undefined): boolean => isOurs(definitionHolders.get(definitionsOfBuilds.get(name ?? '') ?? ''));
  const targets = nodeTargets.filter(t => ofPool(t.pool));
  const ours = pools.filter(p => isOurs(p.holder)).map(p => p.view);
  const copies = await copiesOf(client, agentNamespace, new Set([...ours.map(p => p.name), ...targets.map(t => t.pool)]));
  const remains = {
    nodes: seenNodes.map(node => (node.mark === undefined || ofPool(node.cordon?.pool) ? node : unmarked(node))),
    nodeTargets: targets,
    pools: ours,
    sources: sources.filter(s => isOurs(s.holder)).map(s => s.view),
    jobs: seenJobs.filter(j => ofBuild(j.build)).map(j => j.name),
    pods: seenPods.filter(p => ofBuild(p.build)).map(p => p.view),
    secrets: copies.found,
  };
  return { remains, unread: copies.unread };
}

function holderOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[shardHolder];
}

function buildOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[buildAnnotation];
}

/** Another shard's: its mark is not ours to see. */
function unmarked(node: MarkedNode): MarkedNode {
  const { mark: _, cordon: __, ...rest } = node;
  return rest;
}

/** Secrets are never listed: the copies are asked for by the names that they have for each pool. */
async function copiesOf(
  client: Client,
  namespace: string,
  pools: ReadonlySet<string>,
): Promise<{ found: string[]; unread: Look['unread'] }> {
  const found: string[] = [];
  const unread: Look['unread'] = [];
  for (const name of pools) {
    const copy = copyName(name);
    try {
      if (isCopy(await client.get(secrets, copy, namespace), name)) found.push(copy);
    } catch (error) {
      if (isNotFound(error)) continue;
      if (!(error instanceof TransientError)) throw error;
      unread.push({ what: `looking at Secret ${namespace}/${copy}`, error });
    }
  }
  return { found, unread };
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
