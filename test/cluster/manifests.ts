/** What crds/ and manifests/ hold, as objects, and their way into a cluster. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { isTrue } from '../../controller/api/conditions.ts';
import type { Condition, KubeObject } from '../../controller/api/meta.ts';
import type { Resource } from '../../controller/api/resource.ts';
import type { Client } from '../../controller/kube/client.ts';

const root = join(import.meta.dirname, '../..');

/** Kinds whose plural is not their name in lower case and an s, and kinds that live in no namespace. */
const plurals: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  TrustPolicy: 'trustpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};
const clusterScoped = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);

export interface CustomResourceDefinition extends KubeObject {
  spec: { group: string; names: { kind: string; plural: string } };
  status?: { conditions?: Condition[] };
}

interface Workload extends KubeObject {
  spec: { template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } };
}

export const customResourceDefinitions: Resource<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** The objects of a YAML file. Throws with the file's name on a syntax error. */
export function documentsOf<T extends KubeObject = KubeObject>(file: string): T[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map(document => {
    const [error] = document.errors;
    if (error) throw new Error(`${file}: ${error.message}`);
    return document.toJS() as T;
  });
}

/** The CRDs of crds/, by file name. */
export function crds(): CustomResourceDefinition[] {
  const directory = join(root, 'crds');
  return readdirSync(directory)
    .filter(name => name.endsWith('.yaml'))
    .toSorted()
    .flatMap(name => documentsOf<CustomResourceDefinition>(join(directory, name)));
}

/** The objects of manifests/base, in the order of its kustomization. The images' tags are left to kustomize. */
export function manifests(): KubeObject[] {
  const directory = join(root, 'manifests/base');
  const [kustomization] = documentsOf<KubeObject & { resources: string[] }>(join(directory, 'kustomization.yaml'));
  return (kustomization?.resources ?? []).flatMap(name => documentsOf(join(directory, name)));
}

/** The environment variables, with their plain values, that a workload of the install gives its first container. */
export function environmentOf(kind: 'Deployment' | 'DaemonSet', name: string): Record<string, string> {
  const workload = manifests().find(o => o.kind === kind && o.metadata.name === name) as Workload | undefined;
  const [container] = workload?.spec.template.spec.containers ?? [];
  return Object.fromEntries((container?.env ?? []).flatMap(e => (e.value === undefined ? [] : [[e.name, e.value]])));
}

/** Where an object's kind lives in the API, by Kubernetes' usual naming. */
export function resourceOf(object: KubeObject): Resource {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const ours = group === 'scantling.dev';
  return {
    group: group ?? '',
    version: version ?? '',
    plural: plurals[object.kind] ?? `${object.kind.toLowerCase()}s`,
    kind: object.kind,
    namespaced: !ours && !clusterScoped.has(object.kind),
  };
}

/**
 * Applies CRDs, waits until they are served, then applies manifests, as an administrator would with kubectl. Kinds that `without` names
 * are left out.
 */
export async function install(client: Client, { without = [] }: { without?: readonly string[] } = {}): Promise<void> {
  const apply = (object: KubeObject) => client.apply(resourceOf(object), object, { fieldManager: 'kubectl' });
  await Promise.all(crds().map(apply));
  for (const crd of crds()) await established(client, crd.metadata.name);
  for (const object of manifests()) if (!without.includes(object.kind)) await apply(object);
}

/** Resolves when the API server serves the CRD's kind. Throws after 30 s. */
export async function established(client: Client, name: string): Promise<CustomResourceDefinition> {
  const end = performance.now() + 30_000;
  for (;;) {
    const crd = await client.get(customResourceDefinitions, name);
    if (isTrue(crd.status?.conditions, 'Established')) return crd;
    if (performance.now() > end) throw new Error(`CRD ${name} is not Established after 30 s: ${JSON.stringify(crd.status)}`);
    await sleep(50);
  }
}
