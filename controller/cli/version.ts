/** `scantling version`: this program, and what of it runs in the cluster. */
import { nodetargets } from '../api/node-target.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import type { Transport } from '../kube/transport.ts';
import type { Invocation } from '../running.ts';
import { version as programVersion } from '../version.ts';
import { connect } from './cluster.ts';
import { formatOf, print } from './output.ts';

interface Deployment extends KubeObject {
  spec?: { template?: { spec?: { containers?: { image?: string }[] } } };
  status?: { replicas?: number; readyReplicas?: number };
}

interface Crd extends KubeObject {
  spec?: { names?: { kind?: string } };
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

export interface VersionDocument {
  kind: 'Version';
  client: { version: string; node: string; platform: string };
  kubernetes?: string;
  controllers?: { name: string; image: string; version?: string; ready: number; replicas: number }[];
  /** Agents by their version. */
  agents?: { version: string; nodes: number }[];
  crds?: { name: string; generation: number; created: string }[];
  /** What could not be read, and why. */
  unreadable?: string[];
}

/** Exit code 0. Without --client throws what asking the cluster throws. */
export async function version(invocation: Invocation): Promise<number> {
  const { config, stdout } = invocation;
  const format = formatOf(config);
  const client = { version: programVersion, node: process.versions.node, platform: `${process.platform}/${process.arch}` };
  const document: VersionDocument = { kind: 'Version', client };
  if (!config.client) {
    const cluster = await connect(invocation, 'version');
    try {
      Object.assign(document, await inCluster(cluster.client, cluster.transport, config.namespace));
    } finally {
      await cluster.close();
    }
  }
  await print(stdout, format, document, wordsOf);
  return 0;
}

async function inCluster(
  client: Client,
  transport: Transport,
  namespace: string,
): Promise<Omit<VersionDocument, 'kind' | 'client'>> {
  const unreadable: string[] = [];
  const { gitVersion } = await transport.request<{ gitVersion: string }>({ method: 'GET', path: '/version' });
  const optional = async <T>(what: string, reading: Promise<T[]>): Promise<T[]> => {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      unreadable.push(`${what}: ${error.message}`);
      return [];
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
    controllers,
    agents: [...new Set(agents)].toSorted().map(v => ({ version: v, nodes: agents.filter(a => a === v).length })),
    crds: definitions
      .filter(c => c.metadata.name.endsWith('.scantling.dev'))
      .map(({ metadata: { name, generation = 0, creationTimestamp = '' } }) => ({
        name,
        generation,
        created: creationTimestamp,
      })),
    ...(unreadable.length > 0 ? { unreadable } : {}),
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

function wordsOf({
  client,
  kubernetes,
  controllers = [],
  agents = [],
  crds: kinds = [],
  unreadable = [],
}: VersionDocument): string {
  if (kubernetes === undefined) return `${client.version}\n`;
  return [
    `scantling    ${client.version} (${client.platform}, Node ${client.node})`,
    ...orElse(
      controllers.map(
        c => `controller   ${c.version ?? 'of an unknown version'} (${c.ready} of ${c.replicas} ready, ${c.image})`,
      ),
      'controller   no Deployment found',
    ),
    ...orElse(
      agents.map(a => `agents       ${a.version} on ${a.nodes} node${a.nodes === 1 ? '' : 's'}`),
      'agents       none has reported',
    ),
    kinds.length > 0
      ? `CRDs         ${kinds.map(k => `${k.name.split('.')[0] ?? ''} (generation ${k.generation})`).join(', ')}`
      : 'CRDs         none found',
    `Kubernetes   ${kubernetes}`,
    ...unreadable.map(u => `not readable: ${u}`),
    '',
  ].join('\n');
}

function orElse(lines: readonly string[], none: string): readonly string[] {
  return lines.length > 0 ? lines : [none];
}
