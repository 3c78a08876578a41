/** The CRDs on the real API server: taken without a warning, refusing what they should with their own words, defaulting what they say. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { crds, type CustomResourceDefinition } from '../cluster/manifests.ts';
import { rawApi, type RawApi } from './raw-api.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** The least that each kind takes. */
const least = {
  systemsources: { kind: 'SystemSource', spec: { url: 'https://git.example.com/fleet.git' } },
  systemdefinitions: {
    kind: 'SystemDefinition',
    spec: { base: { image: 'registry.example.com/base:1' }, output: { repository: 'registry.example.com/worker' } },
  },
  imagebuilds: {
    kind: 'ImageBuild',
    spec: {
      definitionRef: { name: 'worker' },
      context: digest,
      base: `registry.example.com/base@${digest}`,
      output: { repository: 'registry.example.com/worker' },
      builderVersion: '1',
    },
  },
  systempools: {
    kind: 'SystemPool',
    spec: { nodeSelector: { matchLabels: { a: 'b' } }, system: { definitionRef: { name: 'worker' } } },
  },
  nodetargets: {
    kind: 'NodeTarget',
    spec: {
      poolRef: { name: 'workers' },
      image: `registry.example.com/worker@${digest}`,
      digests: [digest],
      state: 'Staged',
      since: '2026-01-01T00:00:00Z',
    },
  },
} as const satisfies Record<string, { kind: string; spec: object }>;
type Plural = keyof typeof least;

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

/** Changes that a kind refuses, and what it says. */
const refusals: readonly { plural: Plural; what: string; changes: object; says: RegExp }[] = [
  {
    plural: 'systemsources',
    what: 'plain http without consent',
    changes: { url: 'http://git.example.com/fleet.git' },
    says: /an http:\/\/ URL needs allowInsecure/,
  },
  {
    plural: 'systemsources',
    what: 'credentials in the URL',
    changes: { url: 'https://me:secret@git.example.com/fleet.git' },
    says: /spec\.url.*should match/,
  },
  {
    plural: 'systemsources',
    what: 'two refs',
    changes: { ref: { branch: 'main', tag: 'v1' } },
    says: /exactly one of branch, tag, commit is required/,
  },
  {
    plural: 'systemsources',
    what: 'no ref in ref',
    changes: { ref: {} },
    says: /exactly one of branch, tag, commit is required/,
  },
  { plural: 'systemsources', what: 'an absolute path', changes: { path: '/etc' }, says: /may not leave it/ },
  { plural: 'systemsources', what: 'a path that climbs', changes: { path: 'a/../../b' }, says: /may not leave it/ },
  {
    plural: 'systemsources',
    what: 'a share above 100 %',
    changes: { maxRemovals: '101%' },
    says: /maxRemovals is a number or a percentage/,
  },
  {
    plural: 'systemsources',
    what: 'a negative number',
    changes: { maxRemovals: -1 },
    says: /maxRemovals is a number or a percentage/,
  },
  {
    plural: 'systemsources',
    what: 'an interval without a unit',
    changes: { interval: '30' },
    says: /spec\.interval.*should match/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a file with content and from',
    changes: { sourceRef: { name: 's' }, files: [{ path: '/etc/a', content: 'a', from: 'a' }] },
    says: /exactly one of content, from is required/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a file with neither',
    changes: { files: [{ path: '/etc/a' }] },
    says: /exactly one of content, from is required/,
  },
  {
    plural: 'systemdefinitions',
    what: '"from" without a source',
    changes: { files: [{ path: '/etc/a', from: 'a' }] },
    says: /so it needs sourceRef/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a tree without a source',
    changes: { trees: [{ from: 'a', to: '/etc' }] },
    says: /so it needs sourceRef/,
  },
  {
    plural: 'systemdefinitions',
    what: 'packages beside a Containerfile',
    changes: { packages: { manager: 'dnf', install: ['vim'] }, containerfile: { inline: 'RUN true' } },
    says: /packages and containerfile exclude each other/,
  },
  {
    plural: 'systemdefinitions',
    what: 'packages that name none',
    changes: { packages: { manager: 'dnf' } },
    says: /name at least one package/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a package that is a flag',
    changes: { packages: { manager: 'dnf', install: ['--nogpgcheck'] } },
    says: /spec\.packages\.install.*should match/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a masked unit with contents',
    changes: { units: [{ name: 'a.service', mask: true, contents: '[Unit]' }] },
    says: /a masked unit can have neither/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an unknown unit type',
    changes: { units: [{ name: 'a.txt' }] },
    says: /spec\.units\[0\]\.name.*should match/,
  },
  {
    plural: 'systemdefinitions',
    what: 'two files of one path',
    changes: {
      files: [
        { path: '/etc/a', content: 'a' },
        { path: '/etc/a', content: 'b' },
      ],
    },
    says: /Duplicate value/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base without a registry',
    changes: { base: { image: 'fedora-bootc:43' } },
    says: /spec\.base\.image.*should match/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an output with a tag',
    changes: { output: { repository: 'registry.example.com/worker:1' } },
    says: /spec\.output\.repository.*should match/,
  },
  {
    plural: 'imagebuilds',
    what: 'a base by tag',
    changes: { base: 'registry.example.com/base:1' },
    says: /spec\.base.*should match/,
  },
  {
    plural: 'systempools',
    what: 'a selector of every node',
    changes: { nodeSelector: {} },
    says: /an empty selector would select every node/,
  },
  {
    plural: 'systempools',
    what: 'In without values',
    changes: { nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    says: /In and NotIn need values/,
  },
  {
    plural: 'systempools',
    what: 'Exists with values',
    changes: { nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
    says: /Exists and DoesNotExist take none/,
  },
  {
    plural: 'systempools',
    what: 'a definition and an image',
    changes: { system: { definitionRef: { name: 'a' }, image: 'registry.example.com/worker:1' } },
    says: /exactly one of definitionRef, image is required/,
  },
  { plural: 'systempools', what: 'no system', changes: { system: {} }, says: /exactly one of definitionRef, image is required/ },
  {
    plural: 'systempools',
    what: 'a budget in words',
    changes: { rollout: { maxUnavailable: 'half' } },
    says: /maxUnavailable is a number or a percentage/,
  },
  {
    plural: 'systempools',
    what: 'no staging at all',
    changes: { rollout: { maxStaging: 0 } },
    says: /greater than or equal to 1/,
  },
  {
    plural: 'nodetargets',
    what: 'a go without an approval',
    changes: { state: 'Booted' },
    says: /state Booted needs an approval/,
  },
  {
    plural: 'nodetargets',
    what: 'an image by tag',
    changes: { image: 'registry.example.com/worker:1' },
    says: /spec\.image.*should match/,
  },
  { plural: 'nodetargets', what: 'no digests', changes: { digests: [] }, says: /at least 1 items/ },
];

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

  test('imagebuilds: a changed spec', async () => {
    assert.equal((await create('imagebuilds', {}, 'immutable')).status, 201);
    const answer = await admin({
      method: 'PATCH',
      path: '/apis/scantling.dev/v1alpha1/imagebuilds/immutable',
      body: { spec: { builderVersion: '2' } },
    });
    assert.equal(answer.status, 422);
    assert.match(answer.body.message ?? '', /a build is immutable; change the definition instead/);
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
      spec: { ...least.systemdefinitions.spec, build: { timeout: '30m', suspend: false } },
    },
    { plural: 'imagebuilds', spec: { ...least.imagebuilds.spec, timeout: '30m' } },
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
  ];
  for (const { plural, spec } of defaults) {
    test(plural, async () => {
      assert.deepEqual((await create(plural, {})).body['spec'], spec);
    });
  }
});
