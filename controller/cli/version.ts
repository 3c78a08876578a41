/** `scantling version`: this program, and what of it runs in the cluster. */
import type { Invocation } from '../running.ts';
import { version as programVersion } from '../version.ts';
import { formatOf, print } from './output.ts';

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
  return 0;
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
