import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configMaps, startApi, type Api } from './api-fixture.ts';
import { project, Scene } from './reflector-scene.ts';
import { until } from './until.ts';

describe('reflector', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  describe('recovers from', { concurrency: 8 }, () => {
    const statuses = [
      { status: 429 },
      { status: 429, retryAfter: 2 },
      { status: 503, retryAfter: 2 },
      { status: 500 },
      { status: 409 },
      { status: 401 },
      { status: 403 },
      { status: 410 },
    ];
    for (const fault of statuses) {
      const name = `${fault.status}${fault.retryAfter ? ' with Retry-After' : ''}`;
      it(`a watch refused with ${name}`, async () => {
        const scene = await Scene.start(api);
        const injected = api.proxy.fail(scene.watches(), { ...fault, times: 2 });
        api.proxy.cutWatches(scene.watches());
        await scene.change();
        await scene.recovers();
        assert.equal(injected.hits, 2);
        const [, refused, next] = api.proxy.calls(scene.watches());
        assert.ok(refused && next);
        // Nothing may come sooner than the server asked; how much later is nobody's promise.
        assert.ok(next.startedAt - (refused.endedAt ?? Infinity) >= (fault.retryAfter ?? 0) * 1000 - 5);
      });

      it(`a first list refused with ${name}`, async () => {
        const scene = new Scene(api, await api.namespace());
        await scene.put('first', '2');
        await scene.put('third', '1');
        const injected = api.proxy.fail(scene.lists(), { ...fault, times: 2 });
        scene.reflector.start();
        await scene.reflector.synced();
        assert.ok(scene.store.synced);
        await scene.recovers();
        assert.equal(injected.hits, 2);
      });
    }

    it('a list and a watch whose connection breaks before the answer', async () => {
      const scene = await Scene.start(api);
      api.proxy.fail(scene.watches(), { status: 410, times: 1 });
      api.proxy.fail(scene.lists(), { drop: 'before', times: 2 });
      api.proxy.cutWatches(scene.watches());
      await scene.change();
      await scene.recovers();
    });

    it('a list that is not JSON', async () => {
      const scene = new Scene(api, await api.namespace());
      await scene.put('first', '2');
      await scene.put('third', '1');
      api.proxy.fail(scene.lists(), { status: 200, body: '<html>hello</html>', times: 1 });
      scene.reflector.start();
      await scene.recovers();
    });

    it('a cut watch, without listing again', async () => {
      const scene = await Scene.start(api);
      await scene.put('first', '0');
      await until('an event', () => scene.content().includes('first=0'));
      api.proxy.cutWatches(scene.watches());
      await scene.change();
      await scene.recovers();
      assert.equal(api.proxy.calls(scene.lists()).length, 1);
    });

    it('a watch that is cut within a line', async () => {
      const scene = await Scene.start(api);
      api.proxy.cutWatches(scene.watches(), { midLine: true });
      await scene.change();
      await scene.recovers();
    });

    it('a garbage line, and a line that is JSON but no event', async () => {
      const scene = await Scene.start(api);
      assert.equal(api.proxy.garbage(scene.watches()), 1);
      await api.proxy.seen(scene.watches(), 2);
      await scene.watching();
      assert.equal(api.proxy.garbage(scene.watches(), '{"type":"MODIFIED","object":{"metadata":null}}'), 1);
      await scene.change();
      await scene.recovers();
    });

    it('a hung watch', async () => {
      const scene = await Scene.start(api, { idleMs: 1_000 });
      assert.equal(api.proxy.hangWatches(scene.watches()), 1);
      await scene.change();
      await api.proxy.seen(scene.watches(), 2);
      api.proxy.resumeWatches();
      await scene.recovers();
    });

    it('a watch that lags, when it is asked to', async () => {
      const scene = await Scene.start(api);
      const lagging = api.proxy.delay(scene.watches(), 5_000, 1);
      assert.equal(api.proxy.cutWatches(scene.watches()), 1);
      await until('the watch that hears nothing', () => lagging.hits === 1);
      await scene.change();
      assert.equal(scene.content(), 'first=1 second=1');
      await Promise.all([scene.reflector.refresh(), scene.reflector.refresh()]);
      assert.equal(scene.content(), 'first=2 third=1');
      await scene.recovers();
      assert.equal(api.proxy.calls(scene.lists()).length, 2);
      await assert.rejects(scene.reflector.refresh(), /was stopped/);
    });

    it('a list that began before somebody asked, by another one', async () => {
      const scene = new Scene(api, await api.namespace());
      await scene.put('first', '2');
      const held = api.proxy.delay(scene.lists(), 300, 1);
      scene.reflector.start();
      await until('the first list', () => held.hits === 1);
      const fresh = scene.reflector.refresh();
      await scene.put('third', '1');
      await fresh;
      assert.equal(scene.content(), 'first=2 third=1');
      await scene.recovers();
      assert.equal(api.proxy.calls(scene.lists()).length, 2);
    });

    it('leaves nobody waiting for a list that cannot be made, when it is stopped', async () => {
      const scene = new Scene(api, await api.namespace());
      api.proxy.fail(scene.lists(), { status: 500 });
      scene.reflector.start();
      const never = scene.reflector.refresh();
      await Promise.all([assert.rejects(never, /was stopped/), scene.reflector.stop()]);
    });

    it('an ERROR event with code 410, with one list', async () => {
      const scene = await Scene.start(api);
      assert.equal(api.proxy.expireWatches(scene.watches()), 1);
      await scene.change();
      await scene.recovers();
      assert.equal(api.proxy.calls(scene.lists()).length, 2);
    });

    it('410 on a continue token, without losing or doubling an object', async () => {
      const scene = new Scene(api, await api.namespace(), { pageSize: 2 });
      for (const name of ['a', 'b', 'c', 'd', 'e']) await scene.put(name, '1');
      const expired = api.proxy.fail({ ...scene.lists(), continued: true }, { status: 410, times: 2 });
      scene.reflector.start();
      await scene.recovers('a=1 b=1 c=1 d=1 e=1');
      assert.equal(expired.hits, 2);
      assert.equal(scene.changes.filter(key => key === 'a').length, 1);
    });

    it('a handler that throws, again and again', async () => {
      const scene = await Scene.start(api);
      scene.store.onChange(() => {
        throw new Error('handler');
      });
      await scene.change();
      await scene.recovers();
      assert.equal(api.proxy.calls(scene.watches()).length, 1, 'the watch goes on');
    });

    it('a projection that throws: the last one stays, then all is listed again', async () => {
      let broken = true;
      const scene = await Scene.start(api, {
        project: object => {
          if (broken && object.data?.['value'] === '2') throw new Error('projection');
          return project(object);
        },
      });
      await scene.put('first', '2');
      await api.proxy.seen(scene.lists(), 2);
      await until('the list', () => api.proxy.calls(scene.watches()).length === 2);
      assert.equal(scene.content(), 'first=1 second=1');
      broken = false;
      await scene.put('first', '3');
      await until('the change', () => scene.content() === 'first=3 second=1');
      await scene.stop();
    });
  });

  it('asks for pages of 500, bookmarks, and a watch of 300 to 600 seconds', async () => {
    const scene = await Scene.start(api, { random: () => 0.5 });
    assert.equal(api.proxy.calls(scene.lists())[0]?.query['limit'], '500');
    const query = api.proxy.calls(scene.watches())[0]?.query;
    assert.deepEqual([query?.['allowWatchBookmarks'], query?.['timeoutSeconds']], ['true', '450']);
    await scene.stop();
  });

  it('wakes nobody by what the projection does not show', async () => {
    const scene = await Scene.start(api);
    scene.changes.length = 0;
    const body = { metadata: { annotations: { note: 'x' } } };
    const { metadata } = await api.admin.mergePatch(configMaps, 'first', body, {
      fieldManager: 'test',
      namespace: scene.namespace,
    });
    await until('the newer version', () => scene.store.get('first')?.resourceVersion === metadata.resourceVersion);
    assert.deepEqual(scene.changes, []);
    await scene.stop();
  });

  it('tells an object that was made anew under its name as two changes', async () => {
    const scene = await Scene.start(api);
    const told: string[] = [];
    scene.store.onChange((key, now, before) => told.push(`${key} ${before?.value ?? '-'} ${now?.value ?? '-'}`));
    api.proxy.fail(scene.watches(), { status: 410, times: 1 });
    const held = api.proxy.delay(scene.lists(), 500, 1);
    api.proxy.cutWatches(scene.watches());
    await api.admin.delete(configMaps, 'first', { namespace: scene.namespace });
    await scene.put('first', '5');
    await until('the new object', () => scene.store.get('first')?.value === '5');
    assert.equal(held.hits, 1);
    assert.deepEqual(told, ['first 1 -', 'first - 5']);
    await scene.stop();
  });

  it('leaves no watch behind when it is stopped at any moment, and starts only once', async () => {
    const namespace = await api.namespace();
    for (const delayMs of [0, 1, 3, 10, 30, 100]) {
      const scene = new Scene(api, namespace);
      scene.reflector.start();
      scene.reflector.start();
      await new Promise(resolve => setTimeout(resolve, delayMs));
      await scene.stop();
    }
    const scene = new Scene(api, namespace);
    const stopped = scene.reflector.synced();
    scene.reflector.start();
    await scene.reflector.stop();
    await assert.rejects(stopped, /stopped/);
  });

  it('outlives a restart of the API server whose history is gone', async () => {
    const scenes = await Promise.all([Scene.start(api), Scene.start(api), Scene.start(api)]);
    for (const scene of scenes) await scene.change();
    await api.cluster.stopApiServer();
    await api.cluster.compactEtcd();
    await api.cluster.startApiServer();
    await Promise.all(scenes.map(scene => scene.recovers()));
  });
});
