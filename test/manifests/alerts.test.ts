import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { metricTable } from '../../controller/telemetry/metrics.ts';
import { documentsOf } from '../cluster/manifests.ts';

interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook: string };
}

interface PrometheusRule extends KubeObject {
  spec: { groups: { name: string; rules: Rule[] }[] };
}

const root = join(import.meta.dirname, '../..');
const directory = join(root, 'manifests/monitoring');
const kustomization = parse(readFileSync(join(directory, 'kustomization.yaml'), 'utf8')) as { resources: string[] };
const rules = kustomization.resources.flatMap(file => documentsOf<PrometheusRule>(join(directory, file)));
const alerts = rules.flatMap(rule => rule.spec.groups.flatMap(group => group.rules));

/** Words of PromQL that are no metrics: functions, aggregations, and what stands in braces, brackets or after "by". */
const functions = new Set(['time', 'increase', 'rate', 'sum', 'max', 'min', 'by', 'and', 'unless', 'or', 'on']);

function metricsIn(expr: string): string[] {
  const plain = expr
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|on) *\([^)]*\)/g, '');
  return [...plain.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*/g)].map(([word]) => word).filter(word => !functions.has(word));
}

function labelsIn(expr: string): string[] {
  const matchers = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) =>
    inner.split(',').map(m => /^\w+/.exec(m.trim())?.[0] ?? ''),
  );
  const grouped = [...expr.matchAll(/\bby *\(([^)]*)\)/g)].flatMap(([, inner = '']) => inner.split(',').map(l => l.trim()));
  return [...matchers, ...grouped].filter(Boolean);
}

test('the files are rules of the Prometheus operator, and all of them are in the kustomization', () => {
  for (const rule of rules) assert.deepEqual([rule.apiVersion, rule.kind], ['monitoring.coreos.com/v1', 'PrometheusRule']);
  assert.deepEqual(
    readdirSync(directory)
      .filter(file => file !== 'kustomization.yaml')
      .toSorted(),
    kustomization.resources.toSorted(),
  );
  assert.ok(alerts.length >= 5);
  assert.equal(new Set(alerts.map(a => a.alert)).size, alerts.length);
});

for (const { alert, expr, labels, annotations, ...rule } of alerts) {
  test(`${alert} goes by metrics and labels that there are, and has a runbook`, () => {
    const used = metricsIn(expr).map(name => metricTable.find(m => m.name === name || `${m.name}_count` === name));
    assert.ok(used.length > 0 && used.every(metric => metric !== undefined), `${expr}: ${metricsIn(expr).join(', ')}`);
    const known = used.flatMap(metric => metric?.labels ?? []);
    for (const label of labelsIn(expr)) assert.ok(known.includes(label), `${label} is a label of what ${alert} goes by`);
    for (const text of [annotations.summary, annotations.description])
      for (const [, label = ''] of text.matchAll(/\$labels\.(\w+)/g)) assert.ok(known.includes(label), label);
    for (const [open, close] of ['()', '{}', '[]'])
      assert.equal(expr.split(open ?? '').length, expr.split(close ?? '').length, `${expr} is not balanced`);
    assert.match(rule.for, /^[0-9]+(m|h)$/);
    assert.ok(['info', 'warning', 'critical'].includes(labels.severity));
    const page = readFileSync(join(root, annotations.runbook), 'utf8');
    assert.ok(page.startsWith(`# ${alert}\n`), annotations.runbook);
  });
}

test('every runbook belongs to an alert, and its links lead somewhere', () => {
  const pages = readdirSync(join(root, 'docs/runbooks'));
  assert.deepEqual(pages.map(page => `docs/runbooks/${page}`).toSorted(), alerts.map(a => a.annotations.runbook).toSorted());
  for (const page of pages) {
    const text = readFileSync(join(root, 'docs/runbooks', page), 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) readFileSync(join(root, 'docs/runbooks', link));
    for (const [name] of text.matchAll(/\bscantling_\w+/g))
      assert.ok(
        metricTable.some(m => m.name === name),
        name,
      );
  }
});
