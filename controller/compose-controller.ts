/** What `scantling controller` is made of, and in which order it starts and ends: probes, preconditions, caches, the Lease, reconcilers. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { systemsources } from './api/system-source.ts';
import { controllerPreconditions } from './compose-preconditions.ts';
import { composeReconcilers } from './compose-reconcilers.ts';
import { startWebhookReceiver } from './compose-webhook.ts';
import type { Config } from './config.ts';
import { Caches } from './kube/caches.ts';
import { createClient } from './kube/client.ts';
import { EventRecorder } from './kube/events.ts';
import { loadKubeConfig } from './kube/kubeconfig.ts';
import { LeaderElector } from './kube/leader.ts';
import { ownAccount } from './kube/own-account.ts';
import { Transport } from './kube/transport.ts';
import { ClockWatch } from './preconditions/clock.ts';
import { isSuspicious } from './preconditions/preconditions.ts';
import type { Running } from './running.ts';
import { projectFigures, showSources } from './source/figures.ts';
import * as sourceViews from './source/projection.ts';
import type { Log } from './telemetry/log.ts';
import { beforeScrape } from './telemetry/metric-table.ts';
import { serveProbes, type Check } from './telemetry/probes.ts';
import { showProcess } from './telemetry/process-figures.ts';
import { startTracing } from './telemetry/tracing.ts';
import { userAgent, version } from './version.ts';

/** A watch that has failed for so long will hardly recover without a new process. */
const watchPatienceMs = 300_000;

/** Starts the controller; resolves when its probes answer. It works from when it leads and its caches are complete. */
export async function startController(
  config: Config,
  o: { log: Log; fail: (reason: string) => never; stopping: AbortSignal },
): Promise<Running> {
  const { log, fail } = o;
  const identity = config.identity || `${hostname()}_${randomBytes(5).toString('hex')}`;
  const now = Date.now;
  const lead = { isLeading: (): boolean => !config['leader-elect'] };
  const clock = new ClockWatch();
  const kubeConfig = loadKubeConfig(config.kubeconfig || undefined);
  const transport = new Transport({
    kubeConfig,
    userAgent: userAgent('controller'),
    fence: () => lead.isLeading(),
    observe: answer => {
      if (clock.saw(answer) || isSuspicious(answer)) preconditions.suspect();
    },
  });
  // What was missing is not to be waited for; that all is listed anew fails only where the process ends.
  const onMended = (): void => void caches.refresh().catch(() => undefined);
  const preconditions = controllerPreconditions(config, { transport, kubeConfig, clock, log, onMended });
  const client = createClient(transport);
  const events = new EventRecorder({ client, controller: 'scantling-controller', instance: identity, log });
  // A page of 500 whole Nodes, with their lists of images, is 8 MB of JSON: half of that keeps the loop free and the peak low.
  const caches = new Caches({ transport, log, pageSize: 250 });
  const reconcilers = composeReconcilers(config, { client, events, caches, log, now, clock });
  const hooked = caches.add(systemsources, sourceViews.projectHooked);
  const figured = caches.add(systemsources, projectFigures);
  beforeScrape(() => showSources(figured.list()));
  showProcess('controller', version, config['lease-name']);
  const tracing = startTracing({ environment: process.env, service: 'scantling-controller', version, log });

  let synced = false;
  // Where something is missing, that says why.
  const notSynced: Check = () => (synced || preconditions.problems().length > 0 ? undefined : 'not all resources are listed yet');
  const stuck: Check = () => (preconditions.explains() ? undefined : caches.problem(now(), watchPatienceMs));
  const probes =
    config['http-address'] === 'off'
      ? undefined
      : await serveProbes(config['http-address'], {
          live: { watches: stuck },
          ready: { cluster: () => preconditions.problems(), caches: notSynced },
        });
  log.info({ version, identity, address: probes?.address }, 'controller started');
  const webhooks = await startWebhookReceiver(config, { kubeConfig, sources: hooked, log });

  const elector = config['leader-elect']
    ? new LeaderElector({
        client,
        identity,
        log,
        onLost: fail,
        namespace: config.namespace,
        name: config['lease-name'],
        owner: () => ownAccount(transport, config.namespace),
      })
    : undefined;
  if (elector) lead.isLeading = () => elector.isLeading();
  const begin = async (): Promise<void> => {
    await preconditions.met();
    if (o.stopping.aborted) return;
    caches.start();
    const complete = caches.synced().then(() => {
      synced = true;
    });
    // What the last leader wrote may be missing from a cache whose watch lags, and a slot that it gave would be given again.
    await Promise.all([complete, elector?.start().then(() => caches.refresh())]);
    if (o.stopping.aborted) return;
    log.info({ identity }, 'working');
    for (const controller of reconcilers.controllers) controller.start();
  };
  preconditions.start();
  const working = begin().catch((error: unknown) => {
    if (!o.stopping.aborted) fail(`could not begin to work: ${String(error)}`);
  });

  return {
    // No new work, then the work at hand, then what it had to say, and only then may another lead.
    async stop() {
      await webhooks?.stop();
      await Promise.all(reconcilers.controllers.map(controller => controller.stop()));
      await reconcilers.stop();
      await events.flush();
      await tracing?.stop();
      await elector?.release();
      await preconditions.stop();
      await caches.stop();
      await working;
      await probes?.close();
      await transport.close();
    },
  };
}
