/** What is left of Scantling in a cluster, by asking the API server for all that it has, and not Scantling. */
import { nodes } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace, leaderLease } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { Client } from '../../controller/kube/client.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import type { Transport } from '../../controller/kube/transport.ts';

const ours = /(^|\.)scantling\.dev\//;
const ourNamespaces = [defaultNamespace, 'scantling-agents'];

/** The objects of a kind of ours; none when its CRD is gone. */
async function ifServed(admin: Client, resource: Resource): Promise<KubeObject[]> {
  try {
    return (await admin.list<KubeObject>(resource, {})).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** A sentence for each thing that would be in somebody's way: marks on nodes, cordons, taints, finalizers that nobody is there to lift. */
export async function marks(admin: Client): Promise<string[]> {
  const found: string[] = [];
  for (const node of (await admin.list(nodes, {})).items) {
    const { name, annotations = {}, labels = {} } = node.metadata;
    const keys = [...Object.keys(annotations), ...Object.keys(labels)].filter(key => ours.test(key));
    if (keys.length > 0) found.push(`Node ${name} has ${keys.join(', ')}`);
    const { unschedulable, taints = [] } = node.spec ?? {};
    if (unschedulable) found.push(`Node ${name} is cordoned`);
    for (const { key } of taints) if (ours.test(key)) found.push(`Node ${name} has the taint ${key}`);
  }
  for (const resource of [nodetargets, systempools, systemsources] as readonly Resource[])
    for (const { metadata } of await ifServed(admin, resource))
      for (const finalizer of metadata.finalizers ?? [])
        found.push(`${resource.kind} ${metadata.name} has the finalizer ${finalizer}`);
  return found;
}

interface Kind {
  kind: string;
  /** Where all of its objects are listed. */
  path: string;
}

/** Every kind that the API server can list, by asking it; built-in or not. */
async function allKinds(transport: Transport): Promise<Kind[]> {
  interface Groups {
    groups: { preferredVersion: { groupVersion: string } }[];
  }
  interface Resources {
    resources: { name: string; kind: string; verbs: string[] }[];
  }
  const get = <T>(path: string): Promise<T> => transport.request<T>({ method: 'GET', path });
  const { groups } = await get<Groups>('/apis');
  const versions = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const kinds: Kind[] = [];
  for (const version of versions) {
    const { resources } = await get<Resources>(version);
    for (const { name, kind, verbs } of resources)
      if (verbs.includes('list') && !name.includes('/')) kinds.push({ kind, path: `${version}/${name}` });
  }
  return kinds;
}

/** What the API server itself puts into every namespace. */
const ofEveryNamespace = new Set(['ConfigMap kube-root-ca.crt', 'ServiceAccount default']);

/** What docs/uninstall.md and docs/upgrade.md say stays. `name` is with its kind. */
function mayStay(name: string, { apiVersion, metadata, spec }: Listed): boolean {
  if (apiVersion.startsWith('scantling.dev/') || ofEveryNamespace.has(name)) return true;
  const { group } = spec ?? {};
  if (/^(CustomResourceDefinition|APIService) /.test(name)) return group === 'scantling.dev';
  if (name === `Namespace ${defaultNamespace}`) return true;
  // One that 0.1.0 made goes with nothing.
  return name === `Lease ${leaderLease}` && metadata.ownerReferences === undefined;
}

type Listed = KubeObject & { spec?: { group?: unknown } };

/** It is in one of our namespaces, or its name, labels, annotations or owners name Scantling; of a role also what it allows. */
function isOurs(kind: string, { metadata, ...rest }: Listed): boolean {
  if (ourNamespaces.includes(metadata.namespace ?? '')) return true;
  const { managedFields: _, ...said } = metadata as KubeObject['metadata'] & { managedFields?: unknown };
  return JSON.stringify(kind === 'ClusterRole' ? [said, rest] : said).includes('scantling');
}

/** Objects of any kind, as `Kind name`, that are Scantling's or its release's, but for what is documented to stay and what `users` names. */
async function objects(transport: Transport, users: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const { kind, path } of await allKinds(transport)) {
    if (kind === 'Event') continue; // of what happened; they go by themselves
    const { items, apiVersion } = await transport.request<{ items: Listed[]; apiVersion: string }>({ method: 'GET', path });
    for (const item of items) {
      const listed = { ...item, apiVersion };
      const name = `${kind} ${item.metadata.name}`;
      if (isOurs(kind, listed) && !mayStay(name, listed) && !users.includes(name)) found.push(name);
    }
  }
  return found;
}

/** All of it. `users` are objects beside the release's that a user made, as `Kind name`. */
export async function leftovers(o: { admin: Client; transport: Transport }, users: readonly string[] = []): Promise<string[]> {
  return [...(await marks(o.admin)), ...(await objects(o.transport, users))];
}
