/** What `scantling agent` is made of: one watch on its own NodeTarget, one driver of its host. */
import { join } from 'node:path';
import { createAgent } from './agent/agent.ts';
import { createBootcHost } from './agent/bootc-host.ts';
import { createMemoryFile } from './agent/memory-file.ts';
import { createTargetWatch } from './agent/target-watch.ts';
import type { Config } from './config.ts';
import { createClient } from './kube/client.ts';
import { accessCluster, podTokenFile } from './kube/cluster-access.ts';
import { createOwnNode } from './kube/own-node.ts';
import { Transport } from './kube/transport.ts';
import type { Running } from './running.ts';
import type { Log } from './telemetry/log.ts';
import { serveProbes } from './telemetry/probes.ts';
import { userAgent, version } from './version.ts';

/** Below the host's root: what the agent must remember over boots. Kept by every deployment, because /var is. */
const memoryFile = 'var/lib/scantling/agent/memory.json';

/** Starts the agent; resolves once it runs, whether or not the API server can be reached. */
export async function startAgent(config: Config, o: { log: Log }): Promise<Running> {
  const log = o.log.child({ node: config['node-name'] });
  const transport = new Transport({
    kubeConfig: await accessCluster(config.kubeconfig || undefined),
    userAgent: userAgent('agent'),
    connections: 2,
  });
  const agent = createAgent({
    targets: createTargetWatch({ transport, nodeName: config['node-name'], log, ownNode: createOwnNode(podTokenFile, log) }),
    client: createClient(transport),
    host: createBootcHost({
      root: config['host-root'],
      path: config['host-path'],
      exec: config['host-exec'] === 'direct' ? 'direct' : 'nsenter',
    }),
    memory: createMemoryFile(join(config['host-root'], memoryFile)),
    version,
    log,
    heartbeatMs: config['heartbeat-interval'],
    rebootTimeoutMs: config['reboot-timeout'],
  });
  const probes =
    config['http-address'] === 'off'
      ? undefined
      : await serveProbes(config['http-address'], { live: {}, ready: { agent: () => agent.problem() } });
  agent.start();
  log.info({ version, address: probes?.address }, 'agent started');
  return {
    async stop() {
      await agent.stop();
      await probes?.close();
      await transport.close();
    },
  };
}
