/** What `kubectl get` shows: each kind in 120 columns, as the demo fills it; what is wide comes with `-o wide`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nameOf } from '../../controller/agent/target.ts';
import { addonsSummary, whyAddons } from '../../controller/api/addons-summary.ts';
import { shortRevision } from '../../controller/api/short-revision.ts';
import type { ImageBuild } from '../../controller/api/image-build.ts';
import { outcomeOf } from '../../controller/definition/build-outcome.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { least, type Plural } from '../manifests/refusals.ts';
import { type Server, createCrds } from './refusal.ts';

const widest = 120;
const revision = `main@sha1:${'e13e4f15d71c'.padEnd(40, '0')}`;
const digest = `sha256:${'e8e68c04b6a1'.padEnd(64, '0')}`;
const image = `127.0.0.1:41215/systems/edge@${digest}`;

interface Row {
  name: string;
  spec?: object;
  status: object;
  message: string;
}

const built: ImageBuild = {
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'ImageBuild',
  metadata: { name: 'edge-17e8a36d27' },
  spec: { ...least.imagebuilds.spec, execution: { timeout: '30m', lint: 'Warn' } },
  status: { phase: 'Succeeded', image: { digest, reference: image } },
};

const mixed = [
  { name: 'kubelet', state: 'Quarantined' },
  { name: 'containerd', state: 'Merged' },
];

/** As the demo leaves them. The build is at work: what it says at its end is longer. */
const rows: Record<Plural, Row> = {
  systemsources: {
    name: 'systems',
    status: { lastAppliedRevision: revision },
    message: `applied ${shortRevision(revision)}: 2 objects, 3 files ignored`,
  },
  systemdefinitions: {
    name: 'edge',
    status: { revision, image, latestBuild: built.metadata.name },
    message: messageOf(outcomeOf(built, revision)),
  },
  imagebuilds: {
    name: built.metadata.name,
    spec: { revision },
    status: { phase: 'Building', image: { digest } },
    message: 'attempt 1 of 3 is running',
  },
  systempools: {
    name: 'edge',
    status: { target: { image, revision }, nodes: { total: 5, updated: 5, unavailable: 0, failed: 0 } },
    message: `5 of 5 nodes run ${shortRevision(revision)}`,
  },
  nodetargets: {
    name: 'node-1',
    spec: { revision },
    status: {
      host: {
        phase: 'Rebooting',
        bootID: 'b',
        booted: { revision, commit: 'e13e4f15d71c', digest },
        addons: { state: 'Partial', summary: addonsSummary(mixed) },
      },
    },
    message: `runs ${nameOf(revision, digest)}`,
  },
  systemaddons: {
    name: 'container-runtime',
    spec: { sourceRef: { name: 'systems' } },
    status: { ready: '3/4' },
    message: 'linux/arm64 for fedora 42: runtime:1 is not in its registry',
  },
  trustpolicies: {
    name: 'systems',
    status: { scope: 'registry.example.com/systems' },
    message: '1 authority, 1 key',
  },
};

function messageOf(outcome: ReturnType<typeof outcomeOf>): string {
  return 'message' in outcome ? outcome.message : '';
}

const named = (...names: string[]) => addonsSummary(names.map(name => ({ name, state: 'Merged' })));

interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: (string | number | boolean | null)[] }[];
}

describe('kubectl get', () => {
  let controlPlane: ControlPlane;
  let server: Server;
  before(async () => {
    controlPlane = await startControlPlane();
    server = await createCrds(controlPlane);
  });
  after(async () => {
    await server?.close();
    await controlPlane?.stop();
  });

  /** The row of the object as kubectl pads it, without and with what is wide. */
  const shown = async (plural: Plural): Promise<{ line: string; wide: string }> => {
    const { name, spec, status, message } = rows[plural];
    const path = `/apis/scantling.dev/v1alpha1/${plural}`;
    const { kind, spec: needed } = least[plural];
    const object = { apiVersion: 'scantling.dev/v1alpha1', kind, metadata: { name }, spec: { ...needed, ...spec } };
    const created = await server.call({ method: 'POST', path, body: object });
    assert.equal(created.status, 201, created.body.message);
    const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message, lastTransitionTime: '2026-01-01T00:00:00Z' };
    const written = await server.call({
      method: 'PATCH',
      path: `${path}/${name}/status`,
      body: { status: { ...status, conditions: [ready] } },
    });
    assert.equal(written.status, 200, written.body.message);
    const answer = await server.call({ method: 'GET', path, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    const {
      columnDefinitions,
      rows: [row],
    } = answer.body as object as Table;
    const cells = columnDefinitions.map(({ name: column, priority }, i) => {
      const text = String(row?.cells[i] ?? '');
      return { priority, text: text.padEnd(Math.max(column.length, text.length) + 3) };
    });
    const line = (most: number): string =>
      cells
        .flatMap(c => (c.priority <= most ? c.text : []))
        .join('')
        .trimEnd();
    return { line: line(0), wide: line(1) };
  };

  test(`trustpolicies fits into ${widest} columns, and names what it covers and how`, async () => {
    const { line } = await shown('trustpolicies');
    assert.ok(line.length <= widest, `${line.length}: ${line}`);
    assert.match(line, /^systems +registry\.example\.com\/systems +Skip +True +1 authority, 1 key/);
  });

  test(`systemaddons fits into ${widest} columns, and names how many of its variants are there`, async () => {
    const { line, wide } = await shown('systemaddons');
    assert.ok(line.length <= widest, `${line.length}: ${line}`);
    assert.match(line, /^container-runtime +True +3\/4 +linux\/arm64 for fedora 42: /);
    assert.match(wide, / systems /);
  });

  const moving = (Object.keys(rows) as Plural[]).filter(plural => plural !== 'trustpolicies' && plural !== 'systemaddons');
  for (const plural of moving) {
    test(`${plural} fits into ${widest} columns, and names its commit or build`, async () => {
      const { line, wide } = await shown(plural);
      assert.ok(line.length <= widest, `${line.length}: ${line}`);
      assert.match(line, /main@sha1:e13e4f15d71c\b|edge-17e8a36d27/);
      assert.ok(wide.includes(revision), wide);
    });
  }

  test('a line of NodeTargets tells which addons a node runs, and first which it lacks', async () => {
    assert.equal(named(), '');
    assert.equal(named('kubelet', 'containerd'), 'containerd,kubelet');
    assert.equal(named('kubelet', 'containerd', 'nvidia', 'zfs'), 'containerd,kubelet,+2');
    assert.equal(named('x'.repeat(63)).length, 63);
    assert.equal(named('x'.repeat(63), 'y').length, 64);
    assert.equal(addonsSummary(mixed), '!kubelet,containerd');
  });

  test('a wide line of NodeTargets tells who asked for each addon, and why one is not merged', async () => {
    assert.equal(whyAddons([]), '');
    const asked = [
      { name: 'zfs', state: 'Merged', from: 'node' },
      { name: 'containerd', state: 'Merged', from: 'pool' },
      { name: 'kubelet', state: 'Quarantined', reason: 'WrongSystem', from: 'vendor' },
      { name: 'nvidia', state: 'Missing' },
    ];
    assert.equal(whyAddons(asked), '!kubelet: vendor, WrongSystem; !nvidia: unknown, Missing; containerd: pool; zfs: node');
    const many = Array.from({ length: 32 }, (_, i) => ({ name: `${i}-${'x'.repeat(60)}`, state: 'Merged', from: 'pool' }));
    assert.equal(whyAddons(many).length, 512);
  });

  test('of two images of one commit the default view of NodeTargets tells them apart', () => {
    assert.equal(nameOf(revision, digest), 'main@sha1:e13e4f15d71c (sha256:e8e68c04b6a1)');
    assert.equal(nameOf(undefined, digest), 'sha256:e8e68c04b6a1');
    assert.equal(nameOf(undefined, undefined), 'an unknown image');
  });
});
