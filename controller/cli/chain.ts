/** The whole chain as it is now, from sources to nodes. */
import { leases, nodes, type Lease, type Node } from '../api/core.ts';
import { imagebuilds, type ImageBuild } from '../api/image-build.ts';
import type { KubeObject } from '../api/meta.ts';
import { nodetargets, type NodeTarget } from '../api/node-target.ts';
import type { Resource } from '../api/resource.ts';
import { systemdefinitions, type SystemDefinition } from '../api/system-definition.ts';
import { systemaddons, type SystemAddon } from '../api/system-addon.ts';
import { systempools, type SystemPool } from '../api/system-pool.ts';
import { systemsources, type SystemSource } from '../api/system-source.ts';
import { trustpolicies, type TrustPolicy } from '../api/trust-policy.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isNotFound } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';

/** A Node, cut down to what is shown. */
export interface ChainNode {
  name: string;
  ready: boolean;
  unschedulable: boolean;
  labels: Readonly<Record<string, string>>;
}

export interface Chain {
  sources: SystemSource[];
  definitions: SystemDefinition[];
  builds: ImageBuild[];
  pools: SystemPool[];
  targets: NodeTarget[];
  /** Absent for who may not read them, and where the API server does not know them. */
  addons?: SystemAddon[];
  /** Absent for who may not read them, and where the API server does not know them. */
  policies?: TrustPolicy[];
  /** Absent for who may not read Nodes. */
  nodes?: ChainNode[];
  /** null: there is none. Absent for who may not read it. */
  lease?: Lease | null;
}

/** Who may read the kinds of Scantling, and no Nodes or Leases, sees the rest. Throws ApiError, TransientError. */
export async function readChain(client: Client, lease: { namespace: string; name: string }): Promise<Chain> {
  const [sources, definitions, builds, pools, targets, addons, policies, seenNodes, seenLease] = await Promise.all([
    sorted(client, systemsources),
    sorted(client, systemdefinitions),
    sorted(client, imagebuilds),
    sorted(client, systempools),
    sorted(client, nodetargets),
    unlessForbidden(sorted(client, systemaddons).catch(absentAsUndefined)),
    unlessForbidden(sorted(client, trustpolicies).catch(absentAsUndefined)),
    unlessForbidden(listAll(client, nodes, chainNode)),
    unlessForbidden(client.get(leases, lease.name, lease.namespace).catch(absentAsNull)),
  ]);
  return {
    sources,
    definitions,
    builds,
    pools,
    targets,
    ...(addons ? { addons } : {}),
    ...(policies ? { policies } : {}),
    ...(seenNodes ? { nodes: seenNodes } : {}),
    ...(seenLease === undefined ? {} : { lease: seenLease }),
  };
}

async function sorted<T extends KubeObject>(client: Client, resource: Resource<T>): Promise<T[]> {
  const objects = await listAll(client, resource, object => object);
  return objects.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

async function unlessForbidden<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

/** CRDs of an earlier version do not have the kind. */
function absentAsUndefined(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

function absentAsNull(error: unknown): null {
  if (isNotFound(error)) return null;
  throw error;
}

function chainNode({ metadata, spec, status }: Node): ChainNode {
  return {
    name: metadata.name,
    ready: status?.conditions?.find(c => c.type === 'Ready')?.status === 'True',
    unschedulable: spec?.unschedulable === true,
    labels: metadata.labels ?? {},
  };
}
