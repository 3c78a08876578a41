/** What the chart says of itself to registries of charts is so: its version, images, kinds, examples and changes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { startDryRun } from '../cluster/dry-run.ts';
import { chart } from './rendered-chart.ts';

const root = join(import.meta.dirname, '../..');

interface ChartFile {
  version: string;
  appVersion: string;
  home?: string;
  sources?: string[];
  annotations: Record<string, string>;
}

interface Crd {
  metadata: { name: string };
  spec: { names: { kind: string }; versions: { name: string; storage: boolean }[] };
}

interface NamedCrd {
  kind: string;
  version: string;
  name: string;
  displayName: string;
  description: string;
}

const file = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as ChartFile;
const program = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  homepage?: string;
  repository?: { url: string };
};
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');

/** An annotation of Artifact Hub that is itself YAML. */
const annotation = (name: string): unknown => parse(file.annotations[`artifacthub.io/${name}`] ?? '');

/** Kind, stored version and name of each CRD. */
function kinds(): { kind: string; version: string; name: string }[] {
  const directory = join(root, 'crds');
  return readdirSync(directory).map(name => {
    const { metadata, spec } = parse(readFileSync(join(directory, name), 'utf8')) as Crd;
    return { kind: spec.names.kind, version: spec.versions.find(v => v.storage)?.name ?? '', name: metadata.name };
  });
}

/** Headings of Keep a Changelog by the kinds of Artifact Hub. */
const headings: Readonly<Record<string, string>> = {
  added: 'Added',
  changed: 'Changed',
  deprecated: 'Deprecated',
  removed: 'Removed',
  fixed: 'Fixed',
  security: 'Security',
};

describe("the chart's description of itself", () => {
  test('has the version of the program, and its images', () => {
    assert.deepEqual([file.version, file.appVersion], [program.version, program.version]);
    assert.deepEqual(annotation('images'), [
      { name: 'scantling', image: `scantling:${file.appVersion}` },
      { name: 'scantling-builder', image: `scantling-builder:${file.appVersion}` },
    ]);
  });

  test('names no place that the program does not name', () => {
    assert.equal(file.home, program.homepage);
    assert.deepEqual(file.sources, program.repository && [program.repository.url]);
  });

  test('names the kinds that it installs', () => {
    const named = annotation('crds') as NamedCrd[];
    assert.deepEqual(
      named.map(({ kind, version, name }) => ({ kind, version, name })).toSorted((a, b) => a.name.localeCompare(b.name)),
      kinds().toSorted((a, b) => a.name.localeCompare(b.name)),
    );
    for (const { displayName, description } of named) assert.ok(displayName && description);
  });

  test('has examples that an API server takes', async t => {
    const api = await startDryRun();
    t.after(() => api.stop());
    const examples = annotation('crdsExamples') as KubeObject[];
    assert.ok(examples.length > 0);
    assert.equal((await api.check(examples)).length, examples.length);
  });

  test('tells the changes of this version, each of a kind that the changelog has for it', () => {
    const section = changelog.split(/^## /m).find(part => part.startsWith(`${file.version} `));
    assert.ok(section !== undefined, `CHANGELOG.md has no ${file.version}`);
    const changes = annotation('changes') as { kind: string; description: string }[];
    assert.ok(changes.length > 0);
    for (const { kind, description } of changes) {
      assert.match(description, /[^.]$/);
      assert.match(section, new RegExp(`^### ${headings[kind]}$`, 'm'), `${kind}: ${description}`);
    }
  });
});
