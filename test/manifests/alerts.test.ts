import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { documentsOf } from '../cluster/manifests.ts';
import { faultsOf, labelsOfSeries, readExpression } from './promql.ts';

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

test('the files are rules of the Prometheus operator, and all of them are in the kustomization', () => {
  for (const rule of rules) assert.deepEqual([rule.apiVersion, rule.kind], ['monitoring.coreos.com/v1', 'PrometheusRule']);
  assert.deepEqual(
    readdirSync(directory)
      .filter(file => file.endsWith('.yaml') && file !== 'kustomization.yaml')
      .toSorted(),
    kustomization.resources.toSorted(),
  );
  assert.ok(alerts.length >= 15);
  assert.equal(new Set(alerts.map(a => a.alert)).size, alerts.length);
});

for (const { alert, expr, labels, annotations, ...rule } of alerts) {
  test(`${alert} goes by metrics and labels that there are, and has a runbook`, () => {
    assert.deepEqual(faultsOf(expr), [], expr);
    const { selectors, grouping } = readExpression(expr);
    const known = new Set([...grouping, ...selectors.flatMap(({ name }) => labelsOfSeries(name) ?? [])]);
    // What is aggregated away is not there to be named.
    const kept = /^(?:sum|max|min|count) by /.test(expr) || /- (?:max|min|sum) by /.test(expr) ? new Set(grouping) : known;
    for (const text of [annotations.summary, annotations.description])
      for (const [, label = ''] of text.matchAll(/\$labels\.(\w+)/g)) assert.ok(kept.has(label), label);
    assert.match(rule.for, /^[0-9]+(m|h)$/);
    assert.ok(['info', 'warning', 'critical'].includes(labels.severity));
    const page = readFileSync(join(root, annotations.runbook), 'utf8');
    assert.equal(annotations.runbook, `docs/runbooks/${alert}.md`);
    assert.ok(page.startsWith(`# ${alert}\n`), annotations.runbook);
    assert.match(page, /^## /m);
  });
}

test('every runbook belongs to an alert, and its links lead somewhere', () => {
  const pages = readdirSync(join(root, 'docs/runbooks'));
  assert.deepEqual(pages.map(page => `docs/runbooks/${page}`).toSorted(), alerts.map(a => a.annotations.runbook).toSorted());
  for (const page of pages) {
    const text = readFileSync(join(root, 'docs/runbooks', page), 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) readFileSync(join(root, 'docs/runbooks', link));
    for (const [name] of text.matchAll(/\bscantling_\w+/g)) assert.ok(labelsOfSeries(name), name);
  }
});

test('what an operator must hear of has an alert', () => {
  const wanted = [
    'ControllerDown',
    'NoLeader',
    'SourceNotPolled',
    'PoolHalted',
    'NodeStuck',
    'PoolBehind',
    'BuildFailed',
    'AgentSilent',
    'WebhookRefused',
    'CertificateExpiring',
    'RunningUntrusted',
    'RunningUnjudged',
    'TargetRefused',
    'SignatureLookupFailing',
    'TrustRootOld',
    'AddonMissing',
    'AddonFailed',
    'AddonsPartial',
  ];
  for (const name of wanted)
    assert.ok(
      alerts.some(({ alert }) => alert === `Scantling${name}`),
      name,
    );
});

test('an expression that is wrong is found to be', () => {
  for (const [expr, fault] of [
    ['sum by (pool (scantling_pool_nodes)', 'cannot be parsed'],
    ['scantling_pool_nodez > 0', 'there is no metric scantling_pool_nodez'],
    ['scantling_pool_nodes{stage="x"} > 0', 'scantling_pool_nodes has no label stage'],
    ['sum by (node) (scantling_pool_nodes) > 0', 'no metric in it has the label node'],
    ['rate(scantling_build_duration_seconds[5m])', 'there is no metric scantling_build_duration_seconds'],
  ] as const)
    assert.ok(
      faultsOf(expr).some(text => text.startsWith(fault)),
      `${expr}: ${faultsOf(expr).join('; ')}`,
    );
});

const exprOf = (name: string): string => alerts.find(({ alert }) => alert === name)?.expr ?? assert.fail(name);

test('a shard has the alerts of a controller too, by its own Lease', () => {
  assert.deepEqual(readExpression(exprOf('ScantlingNoLeader')).grouping, ['name', 'instance', 'job']);
  assert.deepEqual(readExpression(exprOf('ScantlingControllerDown')).grouping, ['lease', 'lease']);
  // A shard that is lost on the first day of some days off is still missed on the last.
  assert.doesNotMatch(exprOf('ScantlingControllerDown').replaceAll('[7d]', ''), /\[/);
  // Shards name their Leases as they like.
  for (const { expr } of alerts) assert.doesNotMatch(expr, /\b(name|lease)=~?"scantling/);
});
