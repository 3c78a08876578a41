/** `scantling addon check` with a real API server and a real registry. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { pushAddonImage } from '../../controller/addon/push-image.ts';
import { nodes } from '../../controller/api/core.ts';
import { systemaddons, type SystemAddon } from '../../controller/api/system-addon.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { writeTar, type TarEntry } from '../../controller/definition/tar.ts';
import { mediaTypes, type Descriptor } from '../../controller/registry/media-types.ts';
import { readImageFile } from '../../controller/cli/image-file.ts';
import { entriesIn } from '../../controller/cli/profile-file.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { crds, customResourceDefinitions, established } from '../cluster/manifests.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { run, type Ran } from './addon-run.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
type Os = NonNullable<SystemAddon['spec']['variants'][number]['os']>;
type Platform = SystemAddon['spec']['variants'][number]['platform'];

const file = (path: string, text: string): TarEntry => ({ path, mode: 0o644, bytes: Buffer.from(text) });
const link = (path: string, to: string): TarEntry => ({ path, link: to });
const read = async (...layers: TarEntry[][]): Promise<string | undefined> => {
  const tars = new Map(layers.map((entries, i) => [`sha256:${String(i)}`, writeTar(entries)]));
  const descriptors = [...tars].map(([of, bytes]): Descriptor => ({
    mediaType: mediaTypes.layer,
    digest: of,
    size: bytes.length,
  }));
  async function* open(layer: Descriptor): AsyncGenerator<Uint8Array, undefined> {
    yield tars.get(layer.digest) ?? new Uint8Array();
    return undefined;
  }
  return (await readImageFile({ name: 'image', layers: descriptors, open }, '/usr/lib/os-release'))?.toString();
};

interface Said {
  kind: string;
  version: number;
  ok: boolean;
  image: string;
  entries: { name: string; addon: string; from: string }[];
  masked: string[];
  platforms: {
    platform: string;
    ok: boolean;
    os: { id: string; versionId: string };
    addons: { name: string; from: string }[];
    problems: { name: string; reason: string; message: string }[];
  }[];
  profile: string;
  nodes: { node: string; problems: { reason: string }[] }[];
}
const json = (out: string): Said => JSON.parse(out) as Said;

describe('addon check', () => {
  let api: Api;
  let registry: RegistryServer;
  let directory: string;
  before(async () => {
    directory = temporaryDirectory('addon-check');
    [api, registry] = await Promise.all([startApi(), startRegistry()]);
    for (const crd of crds().filter(c => /^system(addons|pools)/.test(c.metadata.name))) {
      await api.admin.apply(customResourceDefinitions, crd, { fieldManager: 'test' });
      await established(api.admin, crd.metadata.name);
    }
    await addon('runtime', [
      ['linux/amd64', { id: 'base', versionId: '1' }, 'a'],
      ['linux/arm64', { id: 'base', versionId: '1' }, 'b'],
    ]);
    await addon('kubelet', [
      ['linux/amd64', { id: '_any' }, 'c'],
      ['linux/arm64', { id: '_any' }, undefined],
    ]);
    await pushBaseImage({ registry: registry.host, repository: 'os/edge', tag: '1' });
    await pushBaseImage({ registry: registry.host, repository: 'os/edge', tag: '2' });
  });
  after(async () => {
    await api?.stop();
    await registry?.stop();
    removeDirectory(directory);
  });

  /** A SystemAddon whose variants with a letter have been made. */
  async function addon(name: string, variants: [Platform, Os, string | undefined][]): Promise<void> {
    const spec = {
      variants: variants.map(([platform, os]) => ({
        platform,
        os,
        source: { image: { reference: 'registry.example.com/a:1' } },
      })),
      output: { repository: `${registry.host}/addons/${name}` },
    };
    await api.admin.apply(
      systemaddons,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemAddon', metadata: { name }, spec },
      { fieldManager: 'test' },
    );
    const made: object[] = [];
    for (const [platform, os, letter] of variants)
      made.push(
        letter === undefined
          ? { platform, os, reason: 'ImageNotFound', message: 'registry.example.com/a:1 is not there' }
          : { platform, os, ...(await pushed(name, { platform, os, letter })) },
      );
    await api.admin.mergePatch(
      systemaddons,
      name,
      { status: { variants: made } },
      { fieldManager: 'test', subresource: 'status' },
    );
  }

  /** Its one file has that letter in it. */
  async function pushed(name: string, of: { platform: Platform; os: Os; letter: string }): Promise<object> {
    const { platform, os, letter } = of;
    const identity = { name, match: os, architecture: platform === 'linux/amd64' ? ('x86-64' as const) : ('arm64' as const) };
    const entries = [{ path: `/usr/bin/${name}`, mode: 0o755, bytes: Buffer.from(letter) }];
    const place = join(directory, `${name}-${letter}`);
    mkdirSync(place);
    const image = await makeAddonImage({
      ...identity,
      allowSetuid: false,
      source: { kind: 'entries', entries },
      directory: place,
    });
    const client = clientOf(registry.host);
    try {
      const made = { ...identity, ...image, services: [], requires: {} };
      const { reference } = await pushAddonImage(client, { repository: `${registry.host}/addons/${name}` }, made);
      return { image: reference, digest: image.image.digest, size: image.image.size };
    } finally {
      await client.close();
    }
  }

  const profile = (text: string): string => {
    const file = join(directory, `${Math.random()}.yaml`);
    writeFileSync(file, text);
    return file;
  };
  const both = 'spec:\n  addons:\n    - { name: runtime, addon: runtime }\n    - { name: kubelet, addon: kubelet }\n';
  const check = (tag: string, ...words: string[]): Promise<Ran> => checkImage(`os/edge:${tag}`, ...words);
  const checkImage = (image: string, ...words: string[]): Promise<Ran> =>
    run([
      'addon',
      'check',
      '--os',
      `${registry.host}/${image}`,
      '--insecure-registries',
      registry.host,
      '--kubeconfig',
      api.cluster.adminKubeconfig,
      ...words,
    ]);

  test('everything is there: exit code 0', async () => {
    const { code, out, said } = await check('1', '--profile', profile(both), '--platform', 'linux/amd64');
    assert.equal(code, 0, said + out);
    assert.match(out, /^Ready: 2 addons of .* are there for .*\/os\/edge@sha256:/);
    assert.match(
      out,
      /\nlinux\/amd64, base 1, set sha256:[0-9a-f]{64}\n {2}runtime: .*\/addons\/runtime@sha256:[0-9a-f]{64}, \d+ bytes\n/,
    );
  });

  test('one platform lacks an image: exit code 1, and which', async () => {
    const { code, out } = await check('1', '--profile', profile(both), '-o', 'json');
    assert.equal(code, 1);
    const { kind, version, ok, platforms } = json(out);
    assert.deepEqual([kind, version, ok], ['AddonCheck', 1, false]);
    assert.deepEqual(
      platforms.map(p => [p.platform, p.ok, p.problems.map(({ name, reason }) => [name, reason])]),
      [
        ['linux/amd64', true, []],
        ['linux/arm64', false, [['kubelet', 'AddonNotReady']]],
      ],
    );
  });

  test('a new system for which there is no variant: exit code 1, with what there is', async () => {
    const { code, out } = await check('2', '--profile', profile(both), '--platform', 'linux/amd64');
    assert.equal(code, 1);
    assert.match(out, /^Not ready: .* cannot be given with .* on linux\/amd64\n/);
    assert.match(out, /\n {2}runtime: NoVariant: .*base 2/);
  });

  test('what is taken away need not be there', async () => {
    const { code, out, said } = await check('1', '--profile', profile("- { name: gone, addon: '' }\n"));
    assert.equal(code, 0, said);
    assert.match(out, /\nTaken away: gone\n/);
  });

  test('a pool of the cluster, with what it masks', async () => {
    const spec = {
      system: { image: `registry.example.com/os@${digest('0')}` },
      nodeSelector: { matchLabels: { a: 'b' } },
      addons: [
        { name: 'runtime', addon: 'runtime' },
        { name: 'gone', addon: '' },
      ],
    };
    await api.admin.apply(
      systempools,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name: 'edge' }, spec },
      { fieldManager: 'test' },
    );
    const { code, out, said } = await check('1', '--pool', 'edge');
    assert.equal(code, 0, said + out);
    assert.match(out, /^Ready: 1 addon of SystemPool\/edge is there for .*\nTaken away: gone\n/);
  });

  test('what the image asks for itself, below the pool', async () => {
    const profile = [
      { name: 'kubelet', addon: 'kubelet' },
      { name: 'gone', addon: 'not-there' },
    ];
    await pushBaseImage({ registry: registry.host, repository: 'os/asking', tag: '1', profile });
    const words = ['--platform', 'linux/amd64', '--pool', 'edge', '-o', 'json'];
    const { code, out, said } = await checkImage('os/asking:1', ...words);
    assert.equal(code, 0, said + out);
    const { entries, masked, platforms } = json(out);
    assert.deepEqual(entries, [
      { name: 'kubelet', addon: 'kubelet', from: 'vendor' },
      { name: 'runtime', addon: 'runtime', from: 'pool' },
    ]);
    assert.deepEqual(masked, ['gone']);
    assert.deepEqual(
      platforms[0]?.addons.map(({ name, from }) => [name, from]),
      [
        ['kubelet', 'vendor'],
        ['runtime', 'pool'],
      ],
    );
  });

  test('files of the system that an addon hides, of a file of addons and without a cluster: exit code 1', async () => {
    const os: Os = { id: '_any' };
    const platform = 'linux/amd64';
    const made = await pushed('hello', { platform, os, letter: 'h' });
    const own = [{ name: 'hello', addon: 'hello' }];
    await pushBaseImage({ registry: registry.host, repository: 'os/shell', tag: '1', profile: own });
    const spec = { variants: [{ platform, os, source: {} }], output: { repository: 'r.example/hello' } };
    const addon = { kind: 'SystemAddon', metadata: { name: 'hello' }, spec, status: { variants: [{ platform, os, ...made }] } };
    const list = { kind: 'List', items: [addon] };
    const words = ['--platform', platform, '--kubeconfig', '/nowhere', '-o', 'json'];
    const refused = await checkImage('os/shell:1', ...words, '--addon', profile(JSON.stringify(list)));
    const first = json(refused.out);
    assert.deepEqual([refused.code, first.profile], [1, 'the image'], refused.said);
    assert.deepEqual(
      first.platforms[0]?.problems.map(({ name, reason, message }) => [
        name,
        reason,
        /^hides .*\/usr\/bin\/hello \(of the system\)/.test(message),
      ]),
      [['hello', 'Collision', true]],
    );
    const allowed = { ...addon, spec: { ...spec, allowReplace: ['/usr/bin/hello'] } };
    const { code, out, said } = await checkImage('os/shell:1', ...words, '--addon', profile(JSON.stringify(allowed)));
    assert.deepEqual([code, json(out).ok], [0, true], said);
  });

  test('what a node of the pool asks for itself', async () => {
    const metadata = {
      name: 'worker-1',
      labels: { a: 'b', 'kubernetes.io/arch': 'amd64' },
      annotations: { 'scantling.dev/addons': '[{"name":"runtime","addon":"none"}]' },
    };
    await api.admin.apply(nodes, { apiVersion: 'v1', kind: 'Node', metadata }, { fieldManager: 'test' });
    const words = ['--platform', 'linux/amd64', '-o', 'json'];
    const ofPool = json((await check('1', '--pool', 'edge', ...words)).out);
    assert.deepEqual([ofPool.ok, ofPool.platforms[0]?.ok], [false, true]);
    assert.deepEqual(
      ofPool.nodes.map(({ node, problems }) => [node, problems.map(p => p.reason)]),
      [['worker-1', ['UnknownAddon']]],
    );
    const { code, out } = await check('1', '--node', 'worker-1', '--platform', 'linux/amd64');
    assert.equal(code, 1);
    assert.match(
      out,
      /^Not ready: Node\/worker-1 cannot be given with .* on node worker-1\n[^]*\nnode worker-1, linux\/amd64, base 1\n/,
    );
    await api.admin.delete(nodes, 'worker-1');
  });

  test('an addon that its registry has lost says nothing: exit code 3', async () => {
    const lost = { image: `${registry.host}/addons/sh@${digest('0')}`, digest: digest('0'), size: 1 };
    const variant = { platform: 'linux/amd64', os: { id: '_any' } };
    const spec = { variants: [{ ...variant, source: {} }], output: { repository: 'r.example/sh' } };
    const addon = { kind: 'SystemAddon', metadata: { name: 'hello' }, spec, status: { variants: [{ ...variant, ...lost }] } };
    const words = ['--platform', 'linux/amd64', '--addon', profile(JSON.stringify(addon))];
    const { code, said } = await checkImage('os/shell:1', ...words);
    assert.equal(code, 3, said);
    assert.match(said, /this says nothing of the addons/);
  });

  test('a profile of torcx', async () => {
    const torcx = { kind: 'profile-manifest-v0', value: { images: [{ name: 'runtime', reference: '17' }] } };
    const { code, out } = await check('1', '--profile', profile(JSON.stringify(torcx)), '-o', 'json');
    assert.equal(code, 1);
    assert.deepEqual(
      json(out).platforms[0]?.problems.map(p => p.reason),
      ['UnknownAddon'],
    );
  });

  test('a registry that does not answer says nothing: exit code 3', async () => {
    const { code, said } = await run([
      'addon',
      'check',
      '--os',
      `${registry.host}/os/none:1`,
      '--insecure-registries',
      registry.host,
      '--kubeconfig',
      api.cluster.adminKubeconfig,
      '--profile',
      profile('[]'),
    ]);
    assert.equal(code, 3, said);
    assert.match(said, /this says nothing of the addons/);
  });

  const wrong: [string, () => string[], number, RegExp][] = [
    ['both profile and pool', () => ['--profile', profile(both), '--pool', 'edge'], 2, /leave one out/],
    ['a node that is not there', () => ['--node', 'none'], 1, /there is no Node none/],
    ['a file without addons', () => ['--addon', profile('[]')], 1, /has no SystemAddon; it is what kubectl get addon/],
    ['a pool that is not there', () => ['--pool', 'none'], 1, /there is no SystemPool none/],
    [
      'a platform that the image lacks',
      () => ['--profile', profile(both), '--platform', 'linux/s390x'],
      1,
      /has no linux\/s390x; it has linux\/amd64/,
    ],
  ];
  for (const [name, words, code, says] of wrong)
    test(`refused: ${name}`, async () => {
      const ran = await check('1', ...words());
      assert.equal(ran.code, code, ran.said);
      assert.match(ran.said, says);
    });
});

describe('a profile in a file', () => {
  const table: [string, string, object | RegExp][] = [
    ['a pool', 'kind: SystemPool\nspec: { addons: [{ name: a, addon: b }] }', [{ name: 'a', addon: 'b' }]],
    ['among other documents', 'kind: X\n---\naddons: [{ name: a, addon: null }]', [{ name: 'a', addon: null }]],
    ['none', 'kind: SystemPool', /has no list of addons/],
    ['two', 'addons: []\n---\naddons: []', /more than one list/],
    ['no YAML', '{', /x: /],
    ['an addon that can be none', '- { name: a, addon: B_c }', /x: addons\[0\]: addon is "B_c"/],
    ['no addon', '- { name: a }', /addon is undefined/],
    ['no name', '- { addon: a }', /has no name/],
  ];
  for (const [name, text, wanted] of table)
    test(name, () => {
      if (wanted instanceof RegExp) assert.throws(() => entriesIn(text, 'x'), wanted);
      else assert.deepEqual(entriesIn(text, 'x'), wanted);
    });
});

describe('a file of an image, from its layers', () => {
  test('the uppermost counts', async () =>
    assert.equal(await read([file('usr/lib/os-release', 'a')], [file('usr/lib/os-release', 'b')], [file('x', '')]), 'b'));
  test('links are followed through layers', async () =>
    assert.equal(
      await read([file('usr/lib/os.release.d/edge', 'edge')], [link('usr/lib/os-release', './os.release.d/edge')]),
      'edge',
    ));
  test('absolute ones too', async () =>
    assert.equal(await read([file('etc/it', 'it'), link('usr/lib/os-release', '/etc/it')]), 'it'));
  test('what was taken away is not there', async () =>
    assert.equal(await read([file('usr/lib/os-release', 'a')], [file('usr/lib/.wh.os-release', '')]), undefined));
  test('nor what its directory was taken away with', async () =>
    assert.equal(await read([file('usr/lib/os-release', 'a')], [file('usr/.wh.lib', '')]), undefined));
  test('a new directory in place of an old one', async () =>
    assert.equal(
      await read([file('usr/lib/os-release', 'a')], [file('usr/lib/.wh..wh..opq', ''), file('usr/lib/os-release', 'b')]),
      'b',
    ));
  test('nothing', async () => assert.equal(await read([file('x', '')]), undefined));
  test('a circle is refused', async () =>
    assert.rejects(read([link('usr/lib/os-release', 'other'), link('usr/lib/other', 'os-release')]), /go round/));
});
