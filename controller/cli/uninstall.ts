/** `scantling uninstall [--check]`: takes everything of Scantling off nodes and objects, as the only one that writes. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobs } from '../api/core.ts';
import { imagebuilds } from '../api/image-build.ts';
import { uninstallHolder } from '../api/names.ts';
import { systemaddons } from '../api/system-addon.ts';
import { systemdefinitions } from '../api/system-definition.ts';
import type { KubeObject } from '../api/meta.ts';
import { nodetargets } from '../api/node-target.ts';
import type { Resource } from '../api/resource.ts';
import { systempools } from '../api/system-pool.ts';
import { systemsources } from '../api/system-source.ts';
import { trustpolicies } from '../api/trust-policy.ts';
import type { Client } from '../kube/client.ts';
import { listAll } from '../kube/list-all.ts';
import { ownAccount } from '../kube/own-account.ts';
import { type Leftover, leftOf } from '../rollout/withdraw.ts';
import type { Invocation } from '../running.ts';
import { type Cluster, connect } from './cluster.ts';
import { formatOf, type Format, print } from './output.ts';
import { type Places, readRemains } from './remains.ts';
import { LostError, Takeover } from './takeover.ts';
import { TrustedClock } from './trusted-clock.ts';
import { isRefused, runWithdrawal } from './withdrawal.ts';

/** For so long no controller comes back: the time to remove the Deployment in. */
const holdMs = 300_000;
/** The longest that a controller believes to lead after it has lost the Lease, and a bit. */
const graceMs = 15_000;
/** For how long a controller takes its Lease. */
const leaseMs = 15_000;

interface Times {
  holdMs: number;
  graceMs: number;
  leaseMs: number;
}

/** Users' objects that stay, by plural. */
type Kept = Record<string, number>;

interface UninstallReport {
  kind: 'Uninstall' | 'UninstallCheck';
  /** Nothing of ours is left on nodes and objects. */
  clean: boolean;
  left: Leftover[];
  kept: Kept;
  /** Nodes that were told to reboot, were not back in time, and were uncordoned. */
  late?: string[];
  refused?: { what: string; message: string }[];
  lease?: { namespace: string; name: string; heldUntil: string };
}

/** Exit code 0 when nothing is left, 1 when something is, 130 when it was interrupted. `times` are for tests. */
export async function uninstall(invocation: Invocation, times: Partial<Times> = {}): Promise<number> {
  const { config, stdout, signal } = invocation;
  const format = formatOf(config);
  const places = {
    namespace: config.namespace,
    agentNamespace: config['agent-namespace'],
    lease: config['lease-name'],
  };
  const held = { now: (): boolean => false };
  const clock = new TrustedClock();
  const cluster = await connect(invocation, 'uninstall', { fence: () => held.now(), observe: answer => clock.saw(answer) });
  try {
    const report = config.check
      ? await check(cluster.client, places)
      : await remove(invocation, cluster, { places, held, clock, times: { holdMs, graceMs, leaseMs, ...times } });
    await print(stdout, format, report, wordsOfReport);
    return report.clean ? 0 : 1;
  } catch (error) {
    if (signal.aborted) {
      invocation.stderr.write('scantling: interrupted; run it again to go on\n');
      return 130;
    }
    if (!(error instanceof LostError)) throw error;
    invocation.stderr.write(`scantling: ${error.message}; this run has ended, and nothing it did is lost\n`);
    return 1;
  } finally {
    await cluster.close();
  }
}

async function check(client: Client, places: Places): Promise<UninstallReport> {
  const { remains, unread } = await readRemains(client, places);
  const failed = unread.find(({ error }) => !isRefused(error));
  if (failed) throw failed.error;
  const refused = unread.map(({ what, error }) => ({ what, message: error.message }));
  const left = [...leftOf(remains), ...(await hookOf(client, places))];
  const clean = left.length === 0 && refused.length === 0;
  return { kind: 'UninstallCheck', clean, left, kept: await keptIn(client), refused };
}

/** The Job that Helm runs this command in. It stays where that failed, and a run must not count the one that it is in itself. */
async function hookOf(client: Client, { namespace, lease }: Places): Promise<Leftover[]> {
  const release = lease.replace(/-controller$/, '');
  const labelSelector = `app.kubernetes.io/name=${release},app.kubernetes.io/component=uninstall`;
  const names = await listAll(client, jobs, o => o.metadata.name, { namespace, labelSelector });
  return names.map(name => ({ kind: 'Job', name, what: 'of a removal by Helm' }));
}

async function remove(
  { config, stderr, signal }: Invocation,
  { client, transport }: Cluster,
  o: { places: Places; held: { now: () => boolean }; clock: TrustedClock; times: Times },
): Promise<UninstallReport> {
  const say = (line: string): void => void stderr.write(`${line}\n`);
  const { namespace, lease: name } = o.places;
  const identity = `${uninstallHolder}${hostname()}_${randomBytes(5).toString('hex')}`;
  const owner = await ownAccount(transport, namespace);
  o.clock.now(); // before anything is written
  const lease = new Takeover({ client, namespace, name, identity, ...o.times, owner });
  const { held, from, waitMs } = await lease.seize(signal);
  if (held)
    say(`took the Lease ${namespace}/${name}${from === undefined ? '' : ` from ${from}`}: no controller works from here on`);
  else say(`the namespace ${namespace} is gone or going, and no controller has a Lease in it`);
  if (waitMs > 0) say(`waiting ${Math.ceil(waitMs / 1000)} s, the longest that one may not know it yet`);
  for (const end = performance.now() + waitMs; performance.now() < end; await lease.keep())
    await sleep(Math.min(1_000, Math.max(0, end - performance.now())), undefined, { signal });
  o.held.now = () => lease.isHeld();
  const keep = (): Promise<void> => lease.keep();
  const now = (): number => o.clock.now();
  const done = await runWithdrawal({ client, places: o.places, timeoutMs: config['uninstall-timeout'], keep, say, signal, now });
  const kept = await keptIn(client);
  // From here on counts the time in which the workloads are removed.
  await lease.keep(true);
  const heldUntil = new Date(Date.now() + o.times.holdMs).toISOString();
  return {
    kind: 'Uninstall',
    clean: done.left.length === 0,
    left: done.left,
    kept,
    late: done.steps.flatMap(s => (s.do === 'Uncordon' && s.late ? [s.node] : [])),
    refused: done.refused,
    ...(held ? { lease: { namespace, name, heldUntil } } : {}),
  };
}

async function keptIn(client: Client): Promise<Kept> {
  const kinds: readonly Resource[] = [
    systemsources,
    systemdefinitions,
    systemaddons,
    imagebuilds,
    systempools,
    nodetargets,
    trustpolicies,
  ];
  const counts = await Promise.all(
    kinds.map(async (resource): Promise<[string, number]> => [
      resource.plural,
      (await listAll<KubeObject, true>(client, resource, () => true)).length,
    ]),
  );
  return Object.fromEntries(counts);
}

function wordsOfReport(report: UninstallReport, _format: Format): string {
  const { kind, left, kept, late = [], refused = [], lease } = report;
  const first =
    left.length > 0
      ? `${left.length} things of Scantling are left:`
      : 'Nothing of Scantling is left on nodes, and nothing that holds up a deletion.';
  const objects = Object.entries(kept).filter(([, n]) => n > 0);
  return [
    first,
    ...left.map(l => `  ${l.kind} ${l.name} ${l.what}`),
    ...late.map(node => `${node} was told to reboot and did not come back in time; it is uncordoned. Look at it.`),
    ...refused.map(({ what, message }) => `${what} was refused: ${message}`),
    ...(objects.length > 0 ? [`Kept, with the CRDs: ${objects.map(([plural, n]) => `${n} ${plural}`).join(', ')}.`] : []),
    ...(kind === 'Uninstall' && lease
      ? [
          `Remove the workloads before ${lease.heldUntil}: until then no controller takes the Lease ${lease.namespace}/${lease.name}.`,
        ]
      : []),
    '',
  ].join('\n');
}
