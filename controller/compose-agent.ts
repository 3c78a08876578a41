/** What `scantling agent` is made of: one watch on its own NodeTarget, one driver of its host. */
import { join } from 'node:path';
import { createAddonHost } from './agent/addons/addon-host.ts';
import { registryWay } from './agent/addons/registry-way.ts';
import { createAgent } from './agent/agent.ts';
import { createBootcHost } from './agent/bootc-host.ts';
import { createMemoryFile } from './agent/memory-file.ts';
import { createHostCredentials } from './agent/pull-secret-file.ts';
import { createTargetWatch } from './agent/target-watch.ts';
import { defaultNamespace } from './api/names.ts';
import { nodetargets } from './api/node-target.ts';
import type { Config } from './config.ts';
import { createClient } from './kube/client.ts';
import { accessCluster, podTokenFile } from './kube/cluster-access.ts';
import { createOwnNode } from './kube/own-node.ts';
import { Transport } from './kube/transport.ts';
import { createLook } from './preconditions/look.ts';
import { agentRoles, neededCrds } from './preconditions/needed.ts';
import { ClockWatch } from './preconditions/clock.ts';
import { isSuspicious, Preconditions } from './preconditions/preconditions.ts';
import type { Running } from './running.ts';
import type { Log } from './telemetry/log.ts';
import { showProcess } from './telemetry/process-figures.ts';
import { serveProbes } from './telemetry/probes.ts';
import { startTracing } from './telemetry/tracing.ts';
import { userAgent, version } from './version.ts';

/** Below the host's root: what the agent must remember over boots. Kept by every deployment, because /var is. */
const memoryFile = 'var/lib/scantling/agent/memory.json';
/** How often the agent looks for what is missing in the cluster though nothing was refused to it. */
const lookEveryMs = 3_600_000;
/** While something is missing, all agents of a cluster miss it, and the API server has to answer each of them. */
const lookAgainMs = [1_000, 300_000] as const;

/** Starts the agent; resolves once it runs, whether or not the API server can be reached. */
export async function startAgent(config: Config, o: { log: Log }): Promise<Running> {
  const log = o.log.child({ node: config['node-name'] });
  const nodeName = config['node-name'];
  const kubeConfig = await accessCluster(config.kubeconfig || undefined);
  const clock = new ClockWatch();
  const transport = new Transport({
    kubeConfig,
    userAgent: userAgent('agent'),
    connections: 2,
    observe: answer => {
      if (clock.saw(answer) || isSuspicious(answer)) preconditions.suspect();
    },
  });
  const preconditions = new Preconditions({
    look: createLook({
      transport,
      version,
      server: kubeConfig.getCurrentCluster()?.server ?? '',
      crds: neededCrds.filter(({ kind }) => kind === nodetargets.kind),
      // There are many agents, and a field that a CRD lacks is named by the first write that has it.
      compareFields: false,
      roles: agentRoles,
      places: { namespace: defaultNamespace, agentNamespace: config['agent-namespace'], leaseName: '' },
      needsNamespace: false,
      nodeName,
      aheadMs: () => clock.aheadMs,
    }),
    log,
    intervalMs: lookEveryMs,
    retryMs: lookAgainMs,
  });
  const client = createClient(transport);
  const targets = createTargetWatch({ transport, nodeName, log, ownNode: createOwnNode(podTokenFile, log) });
  const root = config['host-root'];
  const open = registryWay({ client, namespace: config['agent-namespace'], root, userAgent: userAgent('agent') });
  const agent = createAgent({
    targets,
    client,
    addons: createAddonHost({ root, open }),
    host: createBootcHost({
      root,
      path: config['host-path'],
      exec: config['host-exec'] === 'direct' ? 'direct' : 'nsenter',
    }),
    credentials: createHostCredentials({ client, namespace: config['agent-namespace'], root }),
    memory: createMemoryFile(join(root, memoryFile)),
    version,
    log,
    heartbeatMs: config['heartbeat-interval'],
    rebootTimeoutMs: config['reboot-timeout'],
  });
  const probes =
    config['http-address'] === 'off'
      ? undefined
      : await serveProbes(config['http-address'], {
          live: { agent: () => agent.stuck() },
          ready: { cluster: () => preconditions.ownProblems(), agent: () => agent.problem() },
        });
  // Beside the agent, never before it: what a host did in its last boot is judged without a cluster.
  preconditions.start();
  showProcess('agent', version);
  const tracing = startTracing({ environment: process.env, service: 'scantling-agent', version, log });
  agent.start();
  log.info({ version, address: probes?.address }, 'agent started');
  return {
    async stop() {
      await preconditions.stop();
      await agent.stop();
      await tracing?.stop();
      await probes?.close();
      await transport.close();
    },
  };
}
