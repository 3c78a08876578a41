/** From commit to booted nodes, told to a real collector by controller and agents: one trace a commit, each link once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { links, type LinkName } from '../../controller/telemetry/links.ts';
import { programFor } from '../cluster/program.ts';
import { until } from '../kube/until.ts';
import { type CollectedSpan, startCollector } from './collector.ts';
import { scenarioNodes, startScenario } from './scenario.ts';

const expected = (built: boolean): LinkName[] => [
  'fetch',
  'render',
  ...(built ? (['foundation'] as const) : []),
  'assemble',
  'push',
  // Also where there is no policy: then that is what is found out.
  'judge',
  'target',
  ...Array.from({ length: scenarioNodes }, () => 'stage' as const),
  ...Array.from({ length: scenarioNodes }, () => 'boot' as const),
];
const names = (spans: readonly CollectedSpan[]): string[] => spans.map(({ name }) => name).toSorted();

test(
  'a commit is one trace, with each link once; a controller that starts anew tells none again',
  { timeout: 400_000 },
  async t => {
    const collector = await startCollector();
    t.after(() => collector.stop());
    // Controller and agents inherit it.
    Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '50' });
    const { environment, roll, hasFoundation } = await startScenario(t, { program: await programFor({ source: false }) });
    const traceOf = (oid: string): CollectedSpan[] => collector.spans.filter(({ traceId }) => traceId === oid.slice(0, 32));
    const whole = async (oid: string, built: boolean): Promise<CollectedSpan[]> => {
      const wanted = expected(built).toSorted();
      await until(`the trace of ${oid}`, () => traceOf(oid).length >= wanted.length, 20_000).catch(() => undefined);
      assert.deepEqual(names(traceOf(oid)), wanted);
      return traceOf(oid);
    };

    const begun = Date.now();
    const first = await roll('first');
    const trace = await whole(first, hasFoundation);
    assert.deepEqual(collector.wrong, []);
    const root = trace.find(({ name }) => name === 'fetch');
    assert.deepEqual(
      trace.filter(({ parentSpanId }) => parentSpanId === undefined),
      [root],
    );
    const ids = new Map(trace.map(span => [span.spanId, span]));
    assert.equal(ids.size, trace.length);
    for (const span of trace) {
      const kind = links[span.name as LinkName];
      const told = Object.keys(span.attributes)
        .filter(key => key !== 'scantling.commit' && key !== 'scantling.revision')
        .map(key => key.replace('scantling.', ''));
      assert.deepEqual(told.toSorted(), [...kind.attributes].toSorted(), span.name);
      assert.equal(span.attributes['scantling.commit'], first);
      assert.equal(ids.get(span.parentSpanId ?? '')?.name, 'parent' in kind ? kind.parent : undefined);
      assert.equal(span.resource['service.name'], `scantling-${kind.program}`);
      assert.ok(
        span.start >= begun && span.start <= span.end && span.end <= Date.now(),
        `${span.name} ${span.start} ${span.end}`,
      );
      assert.equal(span.status, 0);
    }
    const digests = new Set(trace.flatMap(({ attributes }) => attributes['scantling.digest'] ?? []));
    assert.equal(digests.size, 1);
    const boots = trace.filter(({ name }) => name === 'boot');
    assert.deepEqual(boots.map(({ attributes }) => attributes['scantling.node'] ?? '').toSorted(), ['node-1', 'node-3']);
    assert.ok(boots.every(({ attributes }) => attributes['scantling.verdict'] === 'Succeeded'));

    await environment.controller.kill();
    await environment.controller.start();
    const second = await roll('second');
    await whole(second, false);
    assert.deepEqual(names(traceOf(first)), names(trace), 'nothing of the first commit is told again');
    assert.equal(collector.spans.length, trace.length + traceOf(second).length, 'there is no other trace');
  },
);
