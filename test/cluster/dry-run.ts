/** What the API server says of objects before they are there, as `kubectl apply --dry-run=server` asks it: schemas, CEL rules, admission. */
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import type { Client } from '../../controller/kube/client.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { kubectl } from './kubectl.ts';
import { crds, type CustomResourceDefinition, established, resourceOf } from './manifests.ts';

export interface DryRun {
  kubeconfig: string;
  client: Client;
  /** Whether the API server serves an object's kind. */
  serves(object: KubeObject): boolean;
  /**
   * Asks about each object, with unknown fields refused. Returns what was said of each that was taken.
   * @throws CommandError with all that was refused
   */
  check(objects: readonly KubeObject[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** The objects of a text of YAML documents. Throws on a syntax error, and on a document that is no object of the API. */
export function objectsOf(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap(document => {
    const [error] = document.errors;
    if (error) throw error;
    const object = document.toJS() as Partial<KubeObject> | null;
    if (object === null) return []; // only comments
    if (!object.apiVersion || !object.kind || !object.metadata?.name)
      throw new Error(`a document without apiVersion, kind or a name: ${JSON.stringify(object).slice(0, 100)}`);
    return [object as KubeObject];
  });
}

/** `GROUP/VERSION KIND` of all that is served. */
async function servedKinds(transport: Transport): Promise<Set<string>> {
  interface Groups {
    groups: { versions: { groupVersion: string }[] }[];
  }
  interface Kinds {
    groupVersion: string;
    resources: { kind: string }[];
  }
  const { groups } = await transport.request<Groups>({ method: 'GET', path: '/apis' });
  const paths = ['/api/v1', ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`))];
  const lists = await Promise.all(paths.map(path => transport.request<Kinds>({ method: 'GET', path })));
  return new Set(lists.flatMap(({ groupVersion, resources }) => resources.map(({ kind }) => `${groupVersion} ${kind}`)));
}

/** Starts an API server that has our CRDs and those of `others`, and nothing else of ours. */
export async function startDryRun(others: readonly CustomResourceDefinition[] = []): Promise<DryRun> {
  // As installers of Kubernetes set it; the API server's own default refuses the agent.
  const controlPlane: ControlPlane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
  const kubeconfig = controlPlane.adminKubeconfig;
  const transport = new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: 'admin' });
  const stop = async () => {
    await transport.close();
    await controlPlane.stop();
  };
  try {
    const client = createClient(transport);
    const kinds = [...crds(), ...others];
    await Promise.all(kinds.map(crd => client.apply(resourceOf(crd), crd, { fieldManager: 'kubectl' })));
    for (const crd of kinds) await established(client, crd.metadata.name);
    const served = await servedKinds(transport);
    const made = new Set<string>();
    return {
      kubeconfig,
      client,
      stop,
      serves: ({ apiVersion, kind }) => served.has(`${apiVersion} ${kind}`),
      check: async objects => {
        // A namespace that is only asked about is not there for what lies in it.
        for (const name of new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))) {
          if (made.has(name)) continue;
          made.add(name);
          const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
          await client.apply(resourceOf(namespace), namespace, { fieldManager: 'kubectl' });
        }
        const input = objects.map(object => JSON.stringify(object)).join('\n---\n');
        const command = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'];
        const { stdout } = await kubectl(command, { kubeconfig, input });
        return stdout.trim().split('\n');
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
