/** What of Scantling runs in a cluster, and in which versions. */
import { nodetargets } from '../api/node-target.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import type { Transport } from '../kube/transport.ts';
import type { VersionDocument } from './version.ts';

interface Deployment extends KubeObject {
  spec?: { template?: { spec?: { containers?: { image?: string }[] } } };
  status?: { replicas?: number; readyReplicas?: number };
}

interface Crd extends KubeObject {
  spec?: { versions?: { name: string; served: boolean }[] };
}

const deployments: Resource<Deployment> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
const crds: Resource<Crd> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
/** What the CRDs and the workloads of an installation are labelled with. */
const versionLabel = 'app.kubernetes.io/version';

/** What runs in the cluster. Throws ApiError, TransientError; what may not be read is said. */
export async function inCluster(
  client: Client,
  transport: Transport,
  namespace: string,
): Promise<Omit<VersionDocument, 'kind' | 'client'>> {
  const unreadable: string[] = [];
  const { gitVersion } = await transport.request<{ gitVersion: string }>({ method: 'GET', path: '/version' });
  const optional = async <T>(what: string, reading: Promise<T[]>): Promise<T[] | undefined> => {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      unreadable.push(`${what}: ${error.message}`);
      return undefined;
    }
  };
  const labelSelector = 'app.kubernetes.io/name=scantling,app.kubernetes.io/component=controller';
  const [controllers, agents, definitions] = await Promise.all([
    optional('controllers', listAll(client, deployments, controllerOf, { namespace, labelSelector })),
    optional(
      'agents',
      listAll(client, nodetargets, t => t.status?.host?.agentVersion ?? 'not reported'),
    ),
    optional(
      'crds',
      listAll(client, crds, c => c),
    ),
  ]);
  return {
    kubernetes: gitVersion,
    ...(controllers ? { controllers } : {}),
    ...(agents
      ? { agents: [...new Set(agents)].toSorted().map(v => ({ version: v, nodes: agents.filter(a => a === v).length })) }
      : {}),
    ...(definitions ? { crds: definitions.filter(c => c.metadata.name.endsWith('.scantling.dev')).map(crdOf) } : {}),
    ...(unreadable.length > 0 ? { unreadable } : {}),
  };
}

function crdOf({ metadata, spec }: Crd): NonNullable<VersionDocument['crds']>[number] {
  const { name, labels, generation = 0, creationTimestamp = '' } = metadata;
  const version = labels?.[versionLabel];
  return {
    name,
    ...(version === undefined ? {} : { version }),
    served: (spec?.versions ?? []).filter(v => v.served).map(v => v.name),
    generation,
    created: creationTimestamp,
  };
}

function controllerOf({ metadata, spec, status }: Deployment): NonNullable<VersionDocument['controllers']>[number] {
  const image = spec?.template?.spec?.containers?.[0]?.image ?? '';
  const labelled = metadata.labels?.[versionLabel] ?? /:([^:/@]+)(@|$)/.exec(image)?.[1];
  return {
    name: metadata.name,
    image,
    ...(labelled === undefined ? {} : { version: labelled }),
    ready: status?.readyReplicas ?? 0,
    replicas: status?.replicas ?? 0,
  };
}
