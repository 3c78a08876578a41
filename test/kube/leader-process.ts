/** A program as a controller is one: it writes as fast as it may while it leads, and ends when it no longer does. Run by leader.test.ts. */
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { LeaderElector } from '../../controller/kube/leader.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { configMap, configMaps } from './api-fixture.ts';

const [kubeconfig = '', namespace = '', identity = ''] = process.argv.slice(2);
const elector: LeaderElector = new LeaderElector({
  client: createClient(new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: identity })),
  namespace,
  name: 'leader',
  identity,
  log: createLog('silent'),
  leaseDurationMs: 4_000,
  renewDeadlineMs: 2_000,
  retryPeriodMs: 300,
  onLost: () => process.exit(3),
});
const transport = new Transport({
  kubeConfig: loadKubeConfig(kubeconfig),
  userAgent: identity,
  fence: () => elector.isLeading(),
});
const client = createClient(transport);
await elector.start();
for (let n = 0; ; n++) {
  // Refused or lost writes are what the test provokes; only the election ends this program.
  await client
    .apply(configMaps, configMap(namespace, 'state', { identity, n: String(n) }), { fieldManager: identity })
    .catch(() => undefined);
}
