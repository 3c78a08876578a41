/** The door of trust over the TrustPolicies of a test's API server, with the reconcilers that read them. */
import { defaultNamespace } from '../../controller/api/names.ts';
import { composeTrust } from '../../controller/compose-trust.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { createClient } from '../../controller/kube/client.ts';
import { Controller, type Reconcile } from '../../controller/kube/controller.ts';
import { EventRecorder } from '../../controller/kube/events.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import type { ImageVerifier } from '../../controller/trust/image-verifier.ts';
import type { Trust } from '../../controller/trust/trust.ts';

/** As the program composes it. */
export async function startTrust(o: {
  transport: Transport;
  registry: Registry;
  log: Log;
}): Promise<{ trust: Trust; verifier: ImageVerifier; stop(): Promise<void> }> {
  const { transport, registry, log } = o;
  const client = createClient(transport);
  const caches = new Caches({ transport, log });
  const events = new EventRecorder({ client, controller: 'scantling-controller', instance: 'test', log });
  const make = (name: string, concurrency: number, reconcile: Reconcile) => new Controller({ name, concurrency, reconcile, log });
  const config = { namespace: defaultNamespace, 'shard-selector': '', 'trust-directory': '' };
  const composed = composeTrust(config, { client, caches, registry, events, log, now: Date.now, make });
  caches.start();
  await caches.synced();
  for (const controller of composed.controllers) controller.start();
  return {
    trust: composed.trust,
    verifier: composed.verifier,
    stop: async () => {
      for (const controller of composed.controllers) await controller.stop();
      await composed.stop();
      await events.flush();
      await caches.stop();
    },
  };
}
