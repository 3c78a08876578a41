/** Addons of a real registry, compared by their lists of files. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compareAddons } from '../../controller/addon/compare-addons.ts';
import { LayerLists } from '../../controller/addon/layer-lists.ts';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { pushAddonImage } from '../../controller/addon/push-image.ts';
import type { SystemImage } from '../../controller/addon/read-system-files.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { member, tar, Workplace } from './layer-fixture.ts';

const platform = 'linux/amd64';

describe('the files of addons', () => {
  const place = new Workplace();
  let server: RegistryServer;
  let registry: Registry;
  let means: Parameters<typeof compareAddons>[0];
  /** Digests of blobs that were read from their beginning. */
  const opened: string[] = [];
  before(async () => {
    server = await startRegistry();
    registry = clientOf(server.host);
    const counted: Pick<Registry, 'readBlob'> = {
      readBlob: (repository, blob, auth) => {
        opened.push(blob.digest);
        return registry.readBlob(repository, blob, auth);
      },
    };
    means = { registry, lists: new LayerLists({ registry: counted, directory: place.path('lists') }) };
  });
  after(async () => {
    await registry?.close();
    await server?.stop();
    place.remove();
  });

  /** An addon with files of these paths and contents. */
  const push = async (name: string, files: Record<string, string>): Promise<{ name: string; image: string }> => {
    const directory = place.path(name);
    mkdirSync(directory);
    const identity = { name, match: { id: 'debian', versionId: '12' }, architecture: 'x86-64' as const };
    const entries = Object.entries(files).map(([path, content]) => ({ path, mode: 0o755, bytes: Buffer.from(content) }));
    const image = await makeAddonImage({ ...identity, allowSetuid: false, source: { kind: 'entries', entries }, directory });
    const made = { ...identity, ...image, services: [], requires: {} };
    const { reference } = await pushAddonImage(registry, { repository: `${server.host}/addons/${name}` }, made);
    return { name, image: reference };
  };

  test('collide where one hides what the other has, and not where both have the same', async () => {
    const runtime = await push('runtime', { '/usr/bin/ctr': 'a', '/usr/bin/same': 'same', '/usr/lib/runtime/x': 'x' });
    const tools = await push('tools', { '/usr/bin/ctr': 'b', '/usr/bin/same': 'same', '/usr/lib/tools/x': 'y' });
    const other = await push('other', { '/usr/bin/other': 'o' });
    assert.deepEqual(await compareAddons(means, { addons: [runtime, tools, other] }), {
      problems: [{ name: 'tools', reason: 'Collision', message: 'hides or is hidden by /usr/bin/ctr (of runtime)' }],
    });
    assert.deepEqual(await compareAddons(means, { addons: [runtime, other] }), { problems: [] });
    const few = await compareAddons(means, { addons: [runtime, tools] }, undefined, 5);
    assert.deepEqual(few.problems, []);
    assert.match(few.note ?? '', /not compared: there are more than 5 names/);
  });

  /** A system of these layers, lowest first. */
  const pushSystem = async (...layers: Buffer[][]): Promise<SystemImage> => {
    const repository = `${server.host}/os/edge`;
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }));
    await registry.pushBlob(repository, config);
    const described = [];
    for (const members of layers) {
      const bytes = gzipSync(tar(...members));
      await registry.pushBlob(repository, bytes);
      described.push({ mediaType: mediaTypes.layerGzip, digest: sha256(bytes), size: bytes.length });
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
      layers: described,
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes });
    return { image: `${repository}@${digest}`, platform };
  };
  const lowest = [
    member('usr/bin/runc', 'of the system', { mode: 0o755 }),
    member('usr/bin/same', 'same', { mode: 0o755 }),
    member('usr/bin/gone', 'x'),
    member('usr/sbin', '', { type: '2', link: 'bin', mode: 0o777 }),
    member('usr/lib/data/x', 'x'),
  ];

  test('collide with those of the system, of which layers that are known are not read again', async () => {
    const files = {
      '/usr/bin/runc': 'of the addon',
      '/usr/bin/same': 'same',
      '/usr/bin/gone': 'x',
      '/usr/sbin/tool': 'x',
      '/usr/lib/data': 'x',
    };
    const hiding = await push('hiding', files);
    const system = await pushSystem(lowest, [member('usr/bin/.wh.gone')]);
    const [found] = (await compareAddons(means, { addons: [hiding], system })).problems;
    assert.equal(
      found?.message,
      `hides or is hidden by /usr/lib/data (a file over a directory of the system), /usr/sbin (a directory over a link of the system), /usr/bin/runc (of the system); leave out of the addon what the system ${system.image} (${platform}) has, or name it in spec.allowReplace`,
    );
    assert.equal(opened.length, 2);

    const replacing = { ...(await push('replacing', { '/usr/bin/runc': 'of the addon' })), allowReplace: ['/usr/bin/r*'] };
    const next = await pushSystem(lowest, [member('usr/bin/.wh.gone')], [member('usr/bin/new', 'x')]);
    assert.deepEqual(await compareAddons(means, { addons: [replacing], system: next }), { problems: [] });
    assert.equal(opened.length, 3);
    const elsewhere = { ...replacing, allowReplace: ['/usr/lib/**'] };
    assert.equal((await compareAddons(means, { addons: [elsewhere], system: next })).problems.length, 1);
    assert.equal(opened.length, 3);
  });

  test('are compared again where a list of the system is damaged', async () => {
    const tool = await push('tool', { '/usr/bin/runc': 'of the addon' });
    const system = await pushSystem(lowest);
    const directory = place.path('damaged');
    const lists = new LayerLists({ registry, directory });
    const compare = async (): Promise<number> =>
      (await compareAddons({ registry, lists }, { addons: [tool], system })).problems.length;
    assert.equal(await compare(), 1);
    const [name = ''] = readdirSync(directory);
    truncateSync(join(directory, name), 100);
    assert.equal(await compare(), 1);
    assert.deepEqual(readdirSync(directory), [name]);
  });

  test('are not compared with a system that is too large, and with none whose layers cannot be read', async () => {
    const tool = await push('tool2', { '/usr/bin/runc': 'of the addon' });
    const system = await pushSystem(lowest);
    const few = new LayerLists({ registry, directory: place.path('few'), limits: { names: 3 } });
    const { problems, note } = await compareAddons({ registry, lists: few }, { addons: [tool], system });
    assert.deepEqual(problems, []);
    assert.match(note ?? '', /^not compared with the files of the system: a layer of it has more than 3 names, or more than/);
    const broken = await pushSystem([Buffer.from('no archive, though it is as long as one'.repeat(100))]);
    await assert.rejects(compareAddons(means, { addons: [tool], system: broken }), {
      name: 'StallingError',
      message: /^layer sha256:\w+ cannot be read: a header in it is damaged$/,
    });
    const small = new LayerLists({ registry, directory: place.path('small'), limits: { keptBytes: 1 } });
    await compareAddons({ registry, lists: small }, { addons: [tool], system });
    await compareAddons({ registry, lists: small }, { addons: [tool], system: await pushSystem([member('usr/other', 'x')]) });
    assert.equal((await compareAddons({ registry, lists: small }, { addons: [tool], system })).problems.length, 1);
  });

  test('are not taken for none where the registry has lost an artifact', async () => {
    const gone = { name: 'gone', image: `${server.host}/addons/gone@sha256:${'0'.repeat(64)}` };
    await assert.rejects(compareAddons(means, { addons: [gone] }), NotFoundError);
  });
});
