/** What is left of Scantling in a cluster, by asking the API server and not Scantling. */
import { jobs, nodes, pods } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { Client } from '../../controller/kube/client.ts';
import { isNotFound } from '../../controller/kube/errors.ts';

const ours = /(^|\.)scantling\.dev\//;

/** The objects of a kind of ours; none when its CRD is gone. */
async function ifServed(admin: Client, resource: Resource): Promise<KubeObject[]> {
  try {
    return (await admin.list<KubeObject>(resource, {})).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** A sentence for each thing: marks on nodes, cordons, finalizers that nobody is there to lift, Jobs, pods. */
export async function leftovers(admin: Client): Promise<string[]> {
  const found: string[] = [];
  for (const node of (await admin.list(nodes, {})).items) {
    const { name, annotations = {}, labels = {} } = node.metadata;
    const marks = [...Object.keys(annotations), ...Object.keys(labels)].filter(key => ours.test(key));
    if (marks.length > 0) found.push(`Node ${name} has ${marks.join(', ')}`);
    const { unschedulable, taints = [] } = (node.spec ?? {}) as { unschedulable?: boolean; taints?: { key: string }[] };
    if (unschedulable) found.push(`Node ${name} is cordoned`);
    for (const { key } of taints) if (ours.test(key)) found.push(`Node ${name} has the taint ${key}`);
  }
  for (const resource of [nodetargets, systempools, systemsources] as readonly Resource[])
    for (const { metadata } of await ifServed(admin, resource))
      for (const finalizer of metadata.finalizers ?? [])
        found.push(`${resource.kind} ${metadata.name} has the finalizer ${finalizer}`);
  for (const resource of [jobs, pods] as readonly Resource[])
    for (const { metadata } of (await admin.list<KubeObject>(resource, { namespace: defaultNamespace })).items)
      found.push(`${resource.kind} ${metadata.name}`);
  return found;
}
