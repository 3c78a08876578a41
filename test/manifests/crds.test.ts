/** The CRDs on the real API server: taken without a warning, refusing what they should with their own words, defaulting what they say. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { crds, type CustomResourceDefinition } from '../cluster/manifests.ts';
import { rawApi, type RawApi } from './raw-api.ts';
import { least, refusals, type Plural } from './refusals.ts';

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

let controlPlane: ControlPlane;
let api: RawApi;
let counter = 0;

const admin = (call: Parameters<RawApi['call']>[1]) => api.call(controlPlane.adminToken, call);
const create = (plural: Plural, changes: object, name = `o${counter++}`) =>
  admin({
    method: 'POST',
    path: `/apis/scantling.dev/v1alpha1/${plural}`,
    body: {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: least[plural].kind,
      metadata: { name },
      spec: { ...least[plural].spec, ...changes },
    },
  });

before(async () => {
  controlPlane = await startControlPlane();
  api = rawApi(controlPlane);
});
after(async () => {
  await api?.close();
  await controlPlane?.stop();
});

describe('CRDs', () => {
  for (const crd of crds()) {
    test(`${crd.metadata.name} is taken without a warning and served`, async () => {
      const answer = await admin({ method: 'POST', path: crdPath, body: crd });
      assert.equal(answer.status, 201, answer.body.message);
      assert.deepEqual(answer.warnings, []);
      const conditions = await establishedConditions(crd.metadata.name);
      assert.equal(conditions['NamesAccepted'], 'True');
      assert.equal(conditions['NonStructuralSchema'], undefined);
    });
  }

  test('an addon of as many variants and files as its bounds allow is within what rules may cost', async () => {
    const files = Array.from({ length: 250 }, (_, i) => ({ path: `/usr/share/addon/${'d'.repeat(60)}/${i}`, content: '' }));
    const units = Array.from({ length: 10 }, (_, i) => ({
      name: `u${i}.service`,
      dropIns: [{ name: '10-a.conf', contents: '' }],
    }));
    const variants = Array.from({ length: 32 }, (_, i) => ({
      os: { id: 'fedora', versionId: `${i}` },
      source: { files, units },
    }));
    const answer = await create('systemaddons', { variants });
    assert.equal(answer.status, 201, answer.body.message);
  });

  test('each kind takes the least it needs', async () => {
    for (const plural of Object.keys(least) as Plural[]) {
      const answer = await create(plural, {});
      assert.equal(answer.status, 201, `${plural}: ${answer.body.message}`);
      assert.deepEqual(answer.warnings, [], plural);
    }
  });
});

async function establishedConditions(name: string): Promise<Record<string, string>> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const crd = (await admin({ method: 'GET', path: `${crdPath}/${name}` })).body as unknown as CustomResourceDefinition;
    const conditions = Object.fromEntries((crd.status?.conditions ?? []).map(c => [c.type, c.status]));
    if (conditions['Established'] === 'True') return conditions;
    await sleep(50);
  }
  throw new Error(`${name} is not Established`);
}

describe('refusals', () => {
  for (const { plural, what, changes, says } of refusals) {
    test(`${plural}: ${what}`, async () => {
      const answer = await create(plural, changes);
      assert.equal(answer.status, 422, JSON.stringify(answer.body));
      assert.match(answer.body.message ?? '', says);
    });
  }

  test('systemdefinitions: a name too long to name builds after', async () => {
    const answer = await create('systemdefinitions', {}, 'n'.repeat(201));
    assert.equal(answer.status, 422);
    assert.match(answer.body.message ?? '', /name is at most 200 characters/);
  });

  for (const plural of ['systemsources', 'systempools', 'trustpolicies'] as const) {
    test(`${plural}: a name too long for the label of what it makes, or of metrics`, async () => {
      const answer = await create(plural, {}, 'n'.repeat(64));
      assert.equal(answer.status, 422);
      assert.match(answer.body.message ?? '', /name is at most 63 characters/);
    });
  }

  test('systemaddons: a name that no extension can have', async () => {
    for (const [name, says] of [
      ['n'.repeat(64), /name is at most 63 characters/],
      ['kubelet.1', /name must hold only lower-case letters, digits and "-"/],
    ] as const) {
      const answer = await create('systemaddons', {}, name);
      assert.equal(answer.status, 422);
      assert.match(answer.body.message ?? '', says);
    }
  });

  test('systemaddons: one that requires itself', async () => {
    const answer = await create('systemaddons', { requires: { addons: ['runtime', 'ouroboros'] } }, 'ouroboros');
    assert.equal(answer.status, 422);
    assert.match(answer.body.message ?? '', /the addon requires itself/);
  });

  test('imagebuilds: a changed spec', async () => {
    assert.equal((await create('imagebuilds', {}, 'immutable')).status, 201);
    const answer = await admin({
      method: 'PATCH',
      path: '/apis/scantling.dev/v1alpha1/imagebuilds/immutable',
      body: { spec: { builderVersion: 'other' } },
    });
    assert.equal(answer.status, 422);
    assert.match(answer.body.message ?? '', /what is built is immutable/);
  });

  test('unknown fields are named when validation is strict', async () => {
    const answer = await admin({
      method: 'POST',
      path: '/apis/scantling.dev/v1alpha1/systempools?fieldValidation=Strict',
      body: {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemPool',
        metadata: { name: 'typo' },
        spec: { ...least.systempools.spec, rolout: {} },
      },
    });
    assert.equal(answer.status, 400);
    assert.match(answer.body.message ?? '', /unknown field "spec\.rolout"/);
  });
});

describe('defaults', () => {
  const defaults: readonly { plural: Plural; spec: object }[] = [
    {
      plural: 'systemsources',
      spec: {
        url: 'https://git.example.com/fleet.git',
        allowInsecure: false,
        ref: { branch: 'main' },
        path: '.',
        interval: '1m',
        timeout: '60s',
        suspend: false,
        prune: true,
        maxRemovals: '25%',
        limits: { packBytes: 134217728, objects: 100000, fileBytes: 16777216 },
      },
    },
    {
      plural: 'systemdefinitions',
      spec: {
        ...least.systemdefinitions.spec,
        base: { ...least.systemdefinitions.spec.base, update: 'Always', interval: '10m' },
        build: { timeout: '30m', suspend: false, lint: 'Warn' },
        history: { successful: 5, failed: 2, prune: 'None', gracePeriod: '24h' },
      },
    },
    {
      plural: 'trustpolicies',
      spec: { ...least.trustpolicies.spec, subjects: ['Image'], require: 'Any', exclusive: false },
    },
    { plural: 'imagebuilds', spec: { ...least.imagebuilds.spec, execution: { timeout: '30m', lint: 'Warn' } } },
    {
      plural: 'systempools',
      spec: {
        ...least.systempools.spec,
        suspend: false,
        rollout: {
          maxUnavailable: 1,
          maxStaging: 10,
          canary: 1,
          failureThreshold: 1,
          timeouts: { stage: '30m', drain: '30m', reboot: '15m' },
        },
        drain: { enabled: true, force: false, deleteEmptyDirData: true },
      },
    },
    { plural: 'nodetargets', spec: least.nodetargets.spec },
    {
      plural: 'systemaddons',
      spec: {
        ...least.systemaddons.spec,
        suspend: false,
        interval: '10m',
        allowSetuid: false,
        history: { successful: 5, gracePeriod: '24h', prune: 'None' },
        variants: [
          {
            platform: 'linux/amd64',
            os: { id: '_any' },
            source: { files: [{ path: '/usr/bin/tool', content: 'x', mode: '0644' }] },
          },
        ],
      },
    },
  ];
  for (const { plural, spec } of defaults) {
    test(plural, async () => {
      assert.deepEqual((await create(plural, {})).body['spec'], spec);
    });
  }
});
