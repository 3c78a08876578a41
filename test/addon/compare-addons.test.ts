/** Addons of a real registry, compared by their lists of files. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { compareAddons } from '../../controller/addon/compare-addons.ts';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { pushAddonImage } from '../../controller/addon/push-image.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { Workplace } from './layer-fixture.ts';

describe('the files of addons', () => {
  const place = new Workplace();
  let server: RegistryServer;
  let registry: Registry;
  before(async () => {
    server = await startRegistry();
    registry = clientOf(server.host);
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
    assert.deepEqual(await compareAddons(registry, [runtime, tools, other]), {
      problems: [{ name: 'tools', reason: 'Collision', message: 'hides or is hidden by /usr/bin/ctr (of runtime)' }],
    });
    assert.deepEqual(await compareAddons(registry, [runtime, other]), { problems: [] });
    const few = await compareAddons(registry, [runtime, tools], undefined, 5);
    assert.deepEqual(few.problems, []);
    assert.match(few.note ?? '', /not compared: there are more than 5 names/);
  });

  test('are not taken for none where the registry has lost an artifact', async () => {
    const gone = { name: 'gone', image: `${server.host}/addons/gone@sha256:${'0'.repeat(64)}` };
    await assert.rejects(compareAddons(registry, [gone]), NotFoundError);
  });
});
