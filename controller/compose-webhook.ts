/** What takes the calls of Git servers. It has a client of its own, which needs no Lease: all it writes is an annotation that asks for a poll. */
import { fieldManagers, requestedAt } from './api/names.ts';
import { type SystemSource, systemsources } from './api/system-source.ts';
import type { Config } from './config.ts';
import { createClient } from './kube/client.ts';
import type { ClusterAccess } from './kube/cluster-access.ts';
import { isNotFound } from './kube/errors.ts';
import type { Store } from './kube/store.ts';
import { Transport } from './kube/transport.ts';
import type { HookedView } from './source/projection.ts';
import { startWebhooks } from './source/webhook.ts';
import { WebhookTokens, readWebhookToken } from './source/webhook-tokens.ts';
import type { Log } from './telemetry/log.ts';
import type { Running } from './running.ts';
import { userAgent } from './version.ts';

const monotonic = (): number => performance.now();

/** Starts to listen; undefined when no address is given. */
export async function startWebhookReceiver(
  config: Config,
  o: { kubeConfig: ClusterAccess; sources: Store<HookedView>; log: Log },
): Promise<Running | undefined> {
  const address = config['webhook-address'];
  if (address === 'off') return undefined;
  const transport = new Transport({ kubeConfig: o.kubeConfig, userAgent: userAgent('webhook'), connections: 2 });
  const client = createClient(transport);
  const tokens = new WebhookTokens({ read: secret => readWebhookToken(client, config.namespace, secret), now: monotonic });
  const end = o.sources.onChange(() => tokens.keep(new Set(o.sources.list().flatMap(({ webhook }) => webhook?.secret ?? []))));
  const receiver = await startWebhooks({
    address,
    sources: o.sources,
    tokens,
    poll: async source => {
      const body = { metadata: { annotations: { [requestedAt]: new Date().toISOString() } } };
      try {
        await client.mergePatch<SystemSource>(systemsources, source, body, { fieldManager: fieldManagers.webhook });
      } catch (error) {
        // Deleted meanwhile: nothing is left to poll.
        if (!isNotFound(error)) throw error;
      }
    },
    log: o.log,
    now: monotonic,
  });
  o.log.info({ address: receiver.address }, 'webhooks are taken');
  return {
    stop: async () => {
      end();
      await receiver.stop();
      await transport.close();
    },
  };
}
