/** `scantling version`: this program, and what of it runs in the cluster. */
import type { Invocation } from '../running.ts';
import { version as programVersion } from '../version.ts';
import { formatOf, print } from './output.ts';
import { count } from './words.ts';

export interface VersionDocument {
  kind: 'Version';
  client: { version: string; node: string; platform: string };
  kubernetes?: string;
  controllers?: { name: string; image: string; version?: string; ready: number; replicas: number }[];
  /** Agents by their version. */
  agents?: { version: string; nodes: number }[];
  /** `version`: of the chart that they came with. `served`: of the API. */
  crds?: { name: string; version?: string; served: string[]; generation: number; created: string }[];
  /** What may not be read, each in words that begin with its field here, which is then absent. */
  unreadable?: string[];
}

/** Exit code 0; 3 when nothing of Scantling in the cluster may be read. Without --client throws what asking the cluster throws. */
export async function version(invocation: Invocation): Promise<number> {
  const { config, stdout } = invocation;
  const format = formatOf(config);
  const client = { version: programVersion, node: process.versions.node, platform: `${process.platform}/${process.arch}` };
  const document: VersionDocument = { kind: 'Version', client };
  if (!config.client) {
    // What speaks to a cluster takes longer to load than all else.
    const { connect } = await import('./cluster.ts');
    const { inCluster } = await import('./installed-versions.ts');
    const cluster = await connect(invocation, 'version');
    try {
      Object.assign(document, await inCluster(cluster.client, cluster.transport, config.namespace));
    } finally {
      await cluster.close();
    }
  }
  await print(stdout, format, document, wordsOf);
  const { controllers, agents, crds } = document;
  return config.client || controllers || agents || crds ? 0 : 3;
}

function wordsOf({ client, kubernetes, controllers, agents, crds: kinds, unreadable = [] }: VersionDocument): string {
  if (kubernetes === undefined) return `${client.version}\n`;
  return [
    `scantling    ${client.version} (${client.platform}, Node ${client.node})`,
    ...linesOf(
      'controller',
      controllers?.map(c => `${c.version ?? 'of an unknown version'} (${c.ready} of ${c.replicas} ready, ${c.image})`),
      'no Deployment found',
    ),
    ...linesOf(
      'agents',
      agents?.map(a => `${a.version} on ${count(a.nodes, 'node')}`),
      'none has reported',
    ),
    ...linesOf('CRDs', kinds && crdLines(kinds), 'none found'),
    `Kubernetes   ${kubernetes}`,
    ...unreadable.map(u => `not readable: ${u}`),
    '',
  ].join('\n');
}

/** One line for each version that they came in; plain ones without a label say what they serve. */
function crdLines(kinds: NonNullable<VersionDocument['crds']>): string[] {
  const versions = kinds.map(k => [k.version, k.served.join(' and ')].filter(Boolean).join(', serving '));
  return [...new Set(versions)].map(version => {
    const names = kinds.flatMap((k, i) => (versions[i] === version ? (k.name.split('.')[0] ?? []) : []));
    return `${version} (${names.join(', ')})`;
  });
}

function linesOf(what: string, lines: readonly string[] | undefined, none: string): readonly string[] {
  const said = lines === undefined ? ['may not be read'] : lines.length > 0 ? lines : [none];
  return said.map(line => `${what.padEnd(12)} ${line}`);
}
