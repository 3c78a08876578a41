/** What a fleet shows of itself while it lives and after: series within their bounds, events of the table, log lines with documented fields. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, before, after, type TestContext } from 'node:test';
import { fetch } from 'undici';
import { secrets, events } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { isKnownEvent } from '../../controller/event-table.ts';
import { logFields } from '../../controller/telemetry/log-fields.ts';
import { mostSeries, type Extents } from '../../controller/telemetry/metric-table.ts';
import { metricTable } from '../../controller/telemetry/metrics.ts';
import { freePort } from '../cluster/processes.ts';
import { until } from '../kube/until.ts';
import { type Sample, labelSets, samplesOf } from './exposition.ts';
import { type Scenario, scenarioNodes, startScenario } from './scenario.ts';

const token = 'a token that must not be seen';

/** Of the scenario: one of each, but for a host that is both registry and the base's, and what the controller watches. */
const extents: Extents = {
  controllers: 8,
  resources: 10,
  sources: 1,
  definitions: 1,
  addons: 1,
  pools: 1,
  gitHosts: 1,
  registries: 1,
  versions: 1,
  secrets: 0,
  policies: 0,
  authorities: 0,
};

/** Series that are about an object of the scenario. */
function left(samples: readonly Sample[]): Sample[] {
  return samples.filter(({ labels: { source = '', pool = '', definition = '' } }) =>
    [source, pool, definition].some(name => ['fleet', 'workers', 'worker'].includes(name)),
  );
}

describe('a fleet', { timeout: 400_000 }, () => {
  let scenario: Scenario;
  const ends: (() => Promise<void>)[] = [];
  const scrape = async (): Promise<Sample[]> =>
    samplesOf(await (await fetch(`${scenario.environment.controller.url}/metrics`)).text());

  before(async () => {
    const port = await freePort();
    const context = { after: (end: () => Promise<void>) => void ends.push(end) } as Pick<TestContext, 'after'>;
    scenario = await startScenario(context, { controllerFlags: [`--webhook-address=127.0.0.1:${port}`, '--log-level=debug'] });
    const { admin } = scenario.environment;
    await admin.apply(
      secrets,
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'hook', namespace: defaultNamespace },
        data: { token: Buffer.from(token).toString('base64') },
      },
      { fieldManager: 'test' },
    );
    await scenario.roll('first');
    const webhook = { provider: 'GitLab', secretRef: { name: 'hook' } };
    await admin.mergePatch(systemsources, 'fleet', { spec: { webhook } }, { fieldManager: 'test' });
    const call = async (path: string, given: string): Promise<number> => {
      const headers = { 'x-gitlab-token': given };
      return (await fetch(`http://127.0.0.1:${port}/hooks/${path}`, { method: 'POST', headers, body: '{}' })).status;
    };
    await until('the webhook is taken', async () => (await call('fleet', token)) === 202);
    for (const path of ['fleet', 'nobody', 'nobody-else']) assert.equal(await call(path, 'another token'), 401);
    await scenario.repository.commit({ 'system.yaml': 'apiVersion: scantling.dev/v1alpha1\nkind: SystemDefinition\n' }, 'broken');
    const refused = async (): Promise<boolean> => ((await admin.get(systemsources, 'fleet')).status?.failures ?? []).length > 0;
    await until('the document is refused', refused);
    const spec = {
      output: { repository: `${scenario.environment.registry.host}/addons/tool` },
      variants: [{ source: { files: [{ path: '/usr/bin/tool', mode: '0755', content: '#!/bin/sh\n' }] } }],
    };
    const addon = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemAddon', metadata: { name: 'tool' }, spec };
    await admin.apply(systemaddons, addon, { fieldManager: 'test' });
    const made = async (): Promise<boolean> => (await admin.get(systemaddons, 'tool')).status?.ready === '1/1';
    await until('the addon is made', made);
    await scenario.roll('second');
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  it('keeps every metric within its bound, and has those that operators go by', async () => {
    const samples = await scrape();
    for (const metric of metricTable) {
      const sets = labelSets(samples, metric);
      const most = mostSeries(metric.bound, extents);
      assert.ok(sets.length <= most, `${metric.name}: ${sets.length} of ${most}\n${sets.join('\n')}`);
      for (const set of sets)
        assert.deepEqual(Object.keys(JSON.parse(set) as object).toSorted(), [...metric.labels].toSorted(), metric.name);
    }
    const known = new Set(metricTable.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
    assert.deepEqual(
      samples.filter(({ name }) => !known.has(name)),
      [],
    );
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      samples.find(s => s.name === name && Object.entries(labels).every(([key, said]) => s.labels[key] === said))?.value;
    assert.equal(value('leader_election_master_status'), 1);
    assert.equal(value('scantling_info', { program: 'controller' }), 1);
    assert.equal(value('scantling_pool_nodes', { pool: 'workers', state: 'updated' }), scenarioNodes);
    assert.equal(value('scantling_pool_hosts', { pool: 'workers', phase: 'Idle' }), scenarioNodes);
    assert.equal(value('scantling_pool_verdicts', { pool: 'workers', verdict: 'Succeeded' }), scenarioNodes);
    assert.equal(value('scantling_agents'), scenarioNodes);
    assert.equal(value('scantling_source_stalled', { source: 'fleet' }), 0);
    assert.equal(value('scantling_source_interval_seconds', { source: 'fleet' }), 1);
    assert.equal(value('scantling_builds_total', { result: 'succeeded' }) !== undefined, true);
    assert.equal(value('scantling_addon_images_total', { result: 'built' }), 1);
    const variants = ['asked', 'made', 'failed'].map(state => value('scantling_addon_variants', { addon: 'tool', state }));
    assert.deepEqual(variants, [1, 1, 0]);
    assert.equal(value('scantling_pool_addon_nodes'), undefined);
    // Those that came before the receiver knew the source count as well.
    assert.ok((value('scantling_webhook_requests_total', { source: '', result: 'refused' }) ?? 0) >= 2);
    const now = Date.now() / 1000;
    for (const name of ['source_last_poll', 'pool_moved', 'pool_oldest_report']) {
      const at = value(`scantling_${name}_timestamp_seconds`) ?? 0;
      assert.ok(at > now - 600 && at <= now + 1, `${name} ${at}`);
    }
    assert.equal(value('scantling_pool_away_since_timestamp_seconds'), undefined);
    assert.ok((value('process_resident_memory_bytes') ?? 0) > 1e7);
  });

  it('sends no event that the table does not have', async () => {
    const { admin } = scenario.environment;
    const sent = (await admin.list(events)).items.filter(
      ({ reportingController }) => reportingController === 'scantling-controller',
    );
    const unknown = sent.filter(
      ({ regarding, reason, type, action }) => !isKnownEvent(regarding?.kind ?? '', { reason, type, action }),
    );
    assert.deepEqual(
      unknown.map(({ regarding, reason, type, action }) => `${regarding?.kind} ${type} ${action} ${reason}`),
      [],
    );
    const reasons = new Set(sent.map(({ reason }) => reason));
    for (const reason of [
      'NewRevision',
      'BuildRequested',
      'BuildStarted',
      'RolloutStarted',
      'RolloutComplete',
      'DocumentsRefused',
    ])
      assert.ok(reasons.has(reason), reason);
  });

  it('logs JSON with fields that are documented, and no secret', () => {
    const { directory } = scenario.environment;
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(file =>
      /(?:^|\/)(?:controller|agent)\.log$/.test(file),
    );
    assert.ok(files.length > scenarioNodes, files.join());
    const unknown = new Set<string>();
    for (const file of files) {
      const text = readFileSync(join(directory, file), 'utf8');
      for (const secret of [token, 'another token']) assert.ok(!text.includes(secret));
      for (const line of text.split('\n').filter(Boolean)) {
        const entry = JSON.parse(line) as Record<string, unknown>;
        for (const field of Object.keys(entry)) if (!Object.hasOwn(logFields, field)) unknown.add(`${field}: ${line}`);
        assert.ok(['debug', 'info', 'warn', 'error'].includes(String(entry['level'])), line);
      }
    }
    assert.deepEqual([...unknown], []);
  });

  it('leaves no series of what was deleted', async () => {
    const { admin } = scenario.environment;
    await admin.delete(systemsources, 'fleet');
    const sources = async (): Promise<number> => (await admin.list(systemsources)).items.length;
    await until('the source is gone', async () => (await sources()) === 0);
    await admin.delete(systempools, 'workers');
    await admin.delete(systemdefinitions, 'worker');
    const pools = async (): Promise<number> => (await admin.list(systempools)).items.length;
    await until('the pool is gone', async () => (await pools()) === 0);
    await until('the series are gone', async () => left(await scrape()).length === 0, 20_000).catch(() => undefined);
    assert.deepEqual(left(await scrape()), []);
  });
});
