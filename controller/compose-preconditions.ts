/** What the controller needs of its cluster, and how it looks for it. */
import { flags, type Config } from './config.ts';
import type { ClusterAccess } from './kube/cluster-access.ts';
import type { Transport } from './kube/transport.ts';
import type { ClockWatch } from './preconditions/clock.ts';
import { createLook } from './preconditions/look.ts';
import { controllerRoles, neededCrds } from './preconditions/needed.ts';
import { Preconditions } from './preconditions/preconditions.ts';
import type { Log } from './telemetry/log.ts';
import { version } from './version.ts';

/** Not yet started. `onMended` is told when all is there again. */
export function controllerPreconditions(
  config: Config,
  o: { transport: Transport; kubeConfig: ClusterAccess; clock: ClockWatch; log: Log; onMended: () => void },
): Preconditions {
  const { namespace } = config;
  const flag = 'registries-config';
  const look = createLook({
    transport: o.transport,
    version,
    server: o.kubeConfig.getCurrentCluster()?.server ?? '',
    crds: neededCrds,
    compareFields: true,
    roles: controllerRoles,
    places: { namespace, agentNamespace: config['agent-namespace'], leaseName: config['lease-name'] },
    needsNamespace: true,
    // Only what a person has named is missed.
    ...(config[flag] === flags[flag].default ? {} : { configMap: { name: config[flag], flag } }),
    aheadMs: () => o.clock.aheadMs,
  });
  return new Preconditions({ look, log: o.log, onMended: o.onMended });
}
