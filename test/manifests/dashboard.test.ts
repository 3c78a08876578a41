import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultsOf, labelsOfSeries, readExpression } from './promql.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: { type: string; uid: string };
  gridPos: { h: number; w: number; x: number; y: number };
  fieldConfig?: { defaults: { unit?: string } };
  targets?: { refId: string; expr: string; legendFormat: string; datasource: { uid: string } }[];
}

interface Dashboard {
  uid: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: unknown; definition?: string }[] };
  panels: Panel[];
}

const file = join(import.meta.dirname, '../../manifests/monitoring/dashboard.json');
const dashboard = JSON.parse(readFileSync(file, 'utf8')) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
/** Grafana puts these in before it asks. */
const filled = (expr: string): string => expr.replaceAll('$__rate_interval', '5m').replaceAll('$pool', '.*');

test('it has its rows, a variable for the data source, and one for pools', () => {
  assert.ok(dashboard.schemaVersion >= 39);
  assert.deepEqual(
    dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title),
    ['Chain', 'Rollouts', 'Builds', 'Sources', 'Trust', 'Addons', 'Runtime'],
  );
  const [datasource, pool] = dashboard.templating.list;
  assert.deepEqual([datasource?.name, datasource?.type, datasource?.query], ['datasource', 'datasource', 'prometheus']);
  assert.equal(pool?.definition, 'label_values(scantling_pool_nodes, pool)');
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
});

test('no two panels lie on each other', () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(x < 24, title);
        assert.equal(taken.get(`${x},${y}`), undefined, title);
        taken.set(`${x},${y}`, title);
      }
});

for (const { title, description, datasource, fieldConfig, targets = [] } of panels)
  test(`the panel "${title}" has unit, description and expressions of our metrics`, () => {
    assert.ok(title);
    assert.ok(description);
    assert.ok(fieldConfig?.defaults.unit);
    assert.equal(datasource?.uid, '${datasource}');
    assert.ok(targets.length > 0);
    for (const { expr, legendFormat, datasource: own } of targets) {
      assert.equal(own.uid, '${datasource}');
      assert.deepEqual(faultsOf(filled(expr)), [], expr);
      const { selectors } = readExpression(filled(expr));
      const labels = new Set(selectors.flatMap(({ name }) => labelsOfSeries(name) ?? []));
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(labels.has(label), label);
    }
  });
