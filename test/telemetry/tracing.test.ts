import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { links, spanOf, type Link } from '../../controller/telemetry/links.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { isTracingWanted, recordLink, startTracing } from '../../controller/telemetry/tracing.ts';
import { startCollector } from './collector.ts';

const oid = 'a094e5a2a1b2c3d4e5f60718293a4b5c6d7e8f90';
const fetched: Link = { link: 'fetch', revision: `main@sha1:${oid}`, start: 1_000, end: 2_500, attributes: { source: 'fleet' } };

/** The SDK reads its variables of the process. */
function environment(t: TestContext, variables: Record<string, string>): NodeJS.ProcessEnv {
  for (const [name, value] of Object.entries(variables)) process.env[name] = value;
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
  return process.env;
}

function start(variables: NodeJS.ProcessEnv, lines: string[] = []) {
  const log = createLog('debug', line => void lines.push(line));
  const tracing = startTracing({ environment: variables, service: 'scantling-test', version: '1.2.3', log });
  assert.ok(tracing);
  return tracing;
}

test('it is on only where a collector is named and nothing says off', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  assert.equal(isTracingWanted({}), false);
  assert.equal(isTracingWanted({ OTEL_SERVICE_NAME: 'x' }), false);
  assert.equal(isTracingWanted(endpoint), true);
  assert.equal(isTracingWanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }), true);
  assert.equal(isTracingWanted({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }), false);
  assert.equal(isTracingWanted({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }), false);
});

// The client of Prometheus brings OpenTelemetry's API, which does nothing by itself.
test('off, nothing of the SDK is loaded', async () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { startTracing, recordLink } = await import('./controller/telemetry/tracing.ts');
    await import('./controller/compose-controller.ts');
    await import('./controller/compose-agent.ts');
    startTracing({ environment: {}, service: '', version: '', log: undefined });
    recordLink(${JSON.stringify(fetched)});
    console.log(JSON.stringify(loaded.filter(url => /opentelemetry.(?!api)/.test(url) || url.includes('span-export'))), loaded.length > 50);
  `;
  const root = new URL('../..', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: root });
  assert.equal(stdout, '[] true\n');
});

test('ids follow from what a link is about, in any process', () => {
  const span = spanOf(fetched);
  assert.equal(span?.traceId, oid.slice(0, 32));
  assert.deepEqual(spanOf({ ...fetched, start: 5 })?.spanId, span?.spanId);
  assert.equal(spanOf({ ...fetched, revision: undefined }), undefined);
  const boot = (node: string, digest: string) => spanOf({ ...fetched, link: 'boot', attributes: { pool: 'p', node, digest } });
  const target = spanOf({ ...fetched, link: 'target', attributes: { pool: 'p', digest: 'sha256:1' } });
  assert.equal(boot('a', 'sha256:1')?.parentId, target?.spanId);
  assert.equal(target?.parentId, span?.spanId);
  assert.equal(new Set([boot('a', 'sha256:1'), boot('b', 'sha256:1'), boot('a', 'sha256:2')].map(s => s?.spanId)).size, 3);
  for (const { subject, attributes } of Object.values(links))
    for (const key of subject) assert.ok((attributes as readonly string[]).includes(key));
});

test('a link reaches the collector with its ids, times, attributes and the resource of the environment', async t => {
  const collector = await startCollector();
  t.after(() => collector.stop());
  const variables = environment(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_SERVICE_NAME: 'mine',
    OTEL_RESOURCE_ATTRIBUTES: 'k8s.cluster.name=edge',
  });
  const tracing = start(variables);
  recordLink(fetched);
  recordLink({
    ...fetched,
    link: 'boot',
    attributes: { node: 'n', digest: 'd', pool: 'p', verdict: 'FellBack' },
    error: 'fell back',
  });
  recordLink({ ...fetched, revision: undefined });
  await tracing.stop();
  assert.deepEqual(collector.wrong, []);
  const [fetch, boot, ...others] = collector.spans;
  assert.deepEqual(others, []);
  assert.deepEqual([fetch?.traceId, fetch?.name, fetch?.parentSpanId], [oid.slice(0, 32), 'fetch', undefined]);
  assert.deepEqual([fetch?.start, fetch?.end], [1_000, 2_500]);
  assert.deepEqual(fetch?.attributes, {
    'scantling.commit': oid,
    'scantling.revision': fetched.revision,
    'scantling.source': 'fleet',
  });
  assert.equal(fetch?.resource['service.name'], 'mine');
  assert.equal(fetch?.resource['k8s.cluster.name'], 'edge');
  assert.equal(fetch?.resource['service.version'], '1.2.3');
  assert.equal(boot?.status, 2);
  assert.equal(boot?.traceId, fetch?.traceId);
});

for (const [sampler, arg, told] of [
  ['always_off', '', 0],
  ['parentbased_always_off', '', 0],
  ['traceidratio', '0', 0],
  ['parentbased_traceidratio', '1', 2],
] as const)
  test(`OTEL_TRACES_SAMPLER=${sampler} ${arg} is one decision for all links of a commit`, async t => {
    const collector = await startCollector();
    t.after(() => collector.stop());
    const tracing = start(
      environment(t, {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_TRACES_SAMPLER: sampler,
        OTEL_TRACES_SAMPLER_ARG: arg,
      }),
    );
    recordLink(fetched);
    recordLink({ ...fetched, link: 'target', attributes: { pool: 'p', digest: 'd' } });
    await tracing.stop();
    assert.equal(collector.spans.length, told);
  });

test('a collector that is down costs one line and nothing else', async t => {
  const lines: string[] = [];
  const tracing = start(
    environment(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer hunter2',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    }),
    lines,
  );
  for (let i = 0; i < 5; i++) {
    recordLink({ ...fetched, link: 'boot', attributes: { node: `n-${i}`, digest: 'd', pool: 'p' } });
    await new Promise(resolve => setTimeout(resolve, 150));
  }
  await tracing.stop();
  assert.equal(lines.length, 1, lines.join(''));
  assert.match(lines[0] ?? '', /the collector of traces takes none/);
  assert.ok(!lines.join('').includes('hunter2'));
});

test('a variable that cannot be used is said once, and nothing is traced', async t => {
  const lines: string[] = [];
  const tracing = start(
    environment(t, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_SAMPLER: 'often' }),
    lines,
  );
  recordLink(fetched);
  await tracing.stop();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /OTEL_TRACES_SAMPLER names \\"often\\"/);
});
