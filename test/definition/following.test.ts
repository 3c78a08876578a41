/** Bases and workload images that move, on a real API server and a real registry. The clock for look-ups is moved, not waited for. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import type { Condition } from '../../controller/api/meta.ts';
import { approveBase, requestedAt } from '../../controller/api/names.ts';
import type { SystemDefinition } from '../../controller/api/system-definition.ts';
import { pullContext } from '../../controller/build/context.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { until } from '../kube/until.ts';
import { baseOf, type Fleet, imagesOf, type RunningController, says, startFleet, succeeded } from './fleet-fixture.ts';

const intervalMs = 600_000;

function latestBuild({ status }: SystemDefinition): string {
  assert.ok(status?.latestBuild);
  return status.latestBuild;
}

function condition({ status }: SystemDefinition, type: string): Condition | undefined {
  return conditionOf(status?.conditions, type);
}

/** True when the condition is there with the reason. */
function has(type: string, reason: string): (definition: SystemDefinition) => boolean {
  return definition => condition(definition, type)?.reason === reason && isTrue(definition.status?.conditions, type);
}

describe('images that definitions follow', () => {
  let fleet: Fleet;
  let controller: RunningController;
  before(async () => {
    fleet = await startFleet();
    controller = await fleet.startController();
  });
  after(() => fleet.stop());
  beforeEach(() => fleet.server.requests.clear());

  let serial = 0;
  /** Pushes another image under the tag. */
  const push = (
    repository: string,
    options: { labels?: Record<string, string>; architectures?: string[] } = {},
  ): Promise<BaseImage> =>
    pushBaseImage({
      registry: fleet.server.host,
      repository,
      tag: 'stable',
      ...options,
      labels: { serial: String(serial++), ...options.labels },
    });
  const specOf = (name: string, image: string, parts: object = {}): object => ({
    base: { image },
    output: { repository: `${fleet.server.host}/out/${name}` },
    ...parts,
  });
  const succeed = async (name: string): Promise<string> => {
    const build = latestBuild(await fleet.until(name, says('BuildPending')));
    await fleet.finishBuild(build, succeeded(build));
    await fleet.until(name, says('Succeeded'));
    return build;
  };
  /** Lets the interval pass, and wakes the definition by a change of its build that means nothing. */
  let touches = 1;
  const poll = async (name: string): Promise<void> => {
    fleet.ahead.ms += intervalMs * 1.1;
    await wake(name);
  };
  const wake = async (name: string): Promise<void> => {
    const build = latestBuild(await fleet.definition(name));
    await fleet.finishBuild(build, { ...succeeded(build), attempts: ++touches });
  };
  const heads = (repository: string): number =>
    fleet.server.requests.log.filter(({ method, path }) => method === 'HEAD' && path === `/v2/${repository}/manifests/stable`)
      .length;
  const passes = (name: string): number =>
    fleet.proxy.record.filter(({ verb, resource, name: of }) => verb === 'get' && resource === 'systemdefinitions' && of === name)
      .length;
  /** Wakes until two more passes have begun, so that one has come to its end. */
  const twoPasses = async (name: string): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      const before = passes(name);
      await wake(name);
      await until('the next pass', () => passes(name) > before);
    }
  };
  const writes = (): string[] =>
    fleet.proxy.record
      .filter(call => !['get', 'list', 'watch'].includes(call.verb))
      .map(call => `${call.verb} ${call.resource} ${call.name}`);

  it('builds on a new digest of the tag, and asks for it with one request an interval', async () => {
    const old = await push('base/always');
    await fleet.apply('always', specOf('always', old.image));
    const first = await succeed('always');
    fleet.server.requests.clear();
    fleet.proxy.record.length = 0;
    await poll('always');
    await twoPasses('always');
    assert.equal(heads('base/always'), 1);
    assert.equal(fleet.server.requests.log.length, 1, 'an unchanged poll is one HEAD and nothing else');
    assert.deepEqual(writes(), []);

    const next = await push('base/always');
    await twoPasses('always');
    assert.equal((await fleet.definition('always')).status?.base?.digest, old.digest, 'not before its time');
    await poll('always');
    const moved = await fleet.until('always', says('BuildPending'));
    assert.notEqual(moved.status?.latestBuild, first);
    assert.deepEqual(baseOf(moved), { image: old.image, digest: next.digest });
    assert.match((await fleet.build(latestBuild(moved))).spec.base, new RegExp(`@${next.digest}$`));
    await succeed('always');
  });

  it('looks by itself when the interval has passed, also at a base that could never be built on', async () => {
    const bad = await push('base/never', { labels: { 'containers.bootc': '0' } });
    await fleet.apply('never', specOf('never', bad.image, { base: { image: bad.image, interval: '10s' } }));
    const refused = await fleet.until('never', says('BaseNotBootable'));
    assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
    await push('base/never');

    const old = await push('base/soon');
    await fleet.apply('soon', specOf('soon', old.image, { base: { image: old.image, interval: '10s' } }));
    await succeed('soon');
    const next = await push('base/soon');
    const moved = await fleet.until('soon', definition => definition.status?.base?.digest === next.digest);
    assert.equal(condition(moved, 'Ready')?.reason, 'BuildPending');
    await fleet.until('never', says('BuildPending'));
  });

  it('asks once for many definitions on one base', async () => {
    const base = await push('base/shared');
    fleet.server.requests.clear();
    const names = Array.from({ length: 40 }, (_, i) => `shared-${i}`);
    for (const name of names) await fleet.apply(name, specOf(name, base.image));
    for (const name of names) await fleet.until(name, says('BuildPending'));
    assert.equal(heads('base/shared'), 1);
    assert.equal(
      fleet.server.requests.log.filter(({ method, path }) => method === 'GET' && path.startsWith('/v2/base/shared/manifests/'))
        .length,
      3,
      'the index and its two platforms are read once for all',
    );
    fleet.ahead.ms += intervalMs * 1.1;
    const before = names.map(passes);
    for (const name of names)
      await fleet.finishBuild(latestBuild(await fleet.definition(name)), { phase: 'Building', attempts: 1 });
    for (const name of names) await fleet.until(name, says('Building'));
    assert.ok(names.every((name, i) => passes(name) > (before[i] ?? 0)));
    assert.equal(heads('base/shared'), 2);
  });

  it('waits for approval where updates are manual, and takes only the digest that is there', async () => {
    const old = await push('base/manual');
    const spec = specOf('manual', old.image, { base: { image: old.image, update: 'Manual' } });
    await fleet.apply('manual', spec);
    const first = await succeed('manual');
    const next = await push('base/manual');
    await poll('manual');
    const waiting = await fleet.until('manual', has('BaseUpdateAvailable', 'WaitingForApproval'));
    assert.ok(isTrue(waiting.status?.conditions, 'Ready'));
    assert.deepEqual(baseOf(waiting), { image: old.image, digest: old.digest, available: next.digest });
    assert.equal(
      condition(waiting, 'BaseUpdateAvailable')?.message,
      `spec.base.image ${old.image} is now ${next.digest}, and ${old.digest} is in use; to build on it, set the annotation ${approveBase} to the new digest (several separated by spaces)`,
    );
    assert.equal(waiting.status?.latestBuild, first);

    await controller.stop();
    fleet.proxy.record.length = 0;
    controller = await fleet.startController();
    await twoPasses('manual');
    assert.deepEqual(writes(), [], 'after a restart it waits as before');

    const wrong = `sha256:${'0'.repeat(64)}`;
    await fleet.apply('manual', spec, { [approveBase]: wrong });
    const warned = await fleet.until('manual', ({ status }) => status?.warnings !== undefined);
    assert.deepEqual(warned.status?.warnings, [
      `annotation ${approveBase}: ${wrong} is not what an image of this definition is now`,
    ]);
    assert.equal(warned.status?.latestBuild, first);

    await fleet.apply('manual', spec, { [approveBase]: next.digest });
    const approved = await fleet.until('manual', says('BuildPending'));
    assert.deepEqual(baseOf(approved), { image: old.image, digest: next.digest });
    assert.equal(condition(approved, 'BaseUpdateAvailable'), undefined);
    assert.equal(approved.status?.warnings, undefined);
    await succeed('manual');
    await until('the event of the success', () => controller.events.at(-1)?.reason === 'Succeeded');
    assert.deepEqual(
      controller.events.filter(({ regarding }) => regarding.name === 'manual').map(({ reason }) => reason),
      ['BuildRequested', 'Succeeded'],
    );
  });

  it('stays on the last good base when the new one cannot be built on, and goes on when it can', async () => {
    const old = await push('base/broken');
    await fleet.apply('broken', specOf('broken', old.image, { files: [{ path: '/etc/a', content: 'a' }] }));
    await succeed('broken');
    const bad = await push('base/broken', { labels: { 'containers.bootc': '0' } });
    await poll('broken');
    const blocked = await fleet.until('broken', has('BaseUpdateBlocked', 'BaseNotBootable'));
    assert.ok(isTrue(blocked.status?.conditions, 'Ready'), 'the last image is as good as before');
    assert.match(
      condition(blocked, 'BaseUpdateBlocked')?.message ?? '',
      new RegExp(`${bad.digest} .*; ${old.digest} stays in use$`),
    );
    assert.deepEqual(baseOf(blocked), { image: old.image, digest: old.digest, available: bad.digest });

    await fleet.apply('broken', specOf('broken', old.image, { files: [{ path: '/etc/a', content: 'b' }] }));
    const changed = await fleet.until('broken', says('BuildPending'));
    assert.match(
      (await fleet.build(latestBuild(changed))).spec.base,
      new RegExp(`@${old.digest}$`),
      'a change of a file goes on',
    );
    await succeed('broken');
    const good = await push('base/broken');
    await poll('broken');
    const healed = await fleet.until('broken', says('BuildPending'));
    assert.equal(healed.status?.base?.digest, good.digest);
    assert.equal(condition(healed, 'BaseUpdateBlocked'), undefined);
  });

  it('wants all platforms of the spec, of the first base and of each new one', async () => {
    const both = await push('base/platforms');
    const spec = (platforms: string[]) => specOf('platforms', both.image, { platforms });
    await fleet.apply('platforms', spec(['linux/amd64', 'linux/riscv64']));
    const refused = await fleet.until('platforms', says('PlatformUnsupported'));
    assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
    const text = condition(refused, 'Ready')?.message ?? '';
    for (const name of [both.digest, 'linux/riscv64', 'linux/amd64, linux/arm64']) assert.ok(text.includes(name), text);
    await fleet.apply('platforms', spec(['linux/amd64', 'linux/arm64']));
    await succeed('platforms');
    const one = await push('base/platforms', { architectures: ['amd64'] });
    await poll('platforms');
    const blocked = await fleet.until('platforms', has('BaseUpdateBlocked', 'PlatformUnsupported'));
    assert.deepEqual(baseOf(blocked), { image: both.image, digest: both.digest, available: one.digest });
    await fleet.apply('platforms', spec(['linux/amd64']));
    const moved = await fleet.until('platforms', says('BuildPending'));
    assert.deepEqual(baseOf(moved), { image: both.image, digest: one.digest });
  });

  it('keeps the last digest while the registry fails, says so, and takes no error for an absence', async () => {
    const old = await push('base/down');
    await fleet.apply('down', specOf('down', old.image));
    await succeed('down');
    const heal = fleet.server.requests.fail(({ path }) => path.startsWith('/v2/base/down/'), { status: 503 });
    await poll('down');
    const failing = await fleet.until('down', has('LookupFailed', 'RegistryUnavailable'));
    assert.ok(isTrue(failing.status?.conditions, 'Ready'));
    assert.deepEqual(baseOf(failing), { image: old.image, digest: old.digest });
    assert.match(
      condition(failing, 'LookupFailed')?.message ?? '',
      /^spec\.base\.image: .* answers 503 .*; the last digest stays in use$/,
    );
    heal();
    await poll('down');
    await fleet.until('down', definition => condition(definition, 'LookupFailed') === undefined);
    assert.ok(
      controller.events.some(
        ({ regarding, type, reason }) => regarding.name === 'down' && type === 'Warning' && reason === 'RegistryUnavailable',
      ),
    );
  });

  it('asks nothing more of a base that is pinned', async () => {
    const base = await push('base/pinned');
    const image = `${base.image}@${base.digest}`;
    await fleet.apply('pinned', specOf('pinned', image));
    await succeed('pinned');
    await push('base/pinned');
    fleet.server.requests.clear();
    await poll('pinned');
    await twoPasses('pinned');
    assert.deepEqual(fleet.server.requests.log, []);
    assert.deepEqual(baseOf(await fleet.definition('pinned')), { image, digest: base.digest });
  });

  it('pins the images of workloads, and builds again when one of them moves', async () => {
    const base = await push('base/office');
    const app = await push('apps/web');
    const pinned = await push('apps/database');
    const workloads = [
      {
        name: 'office',
        containers: [
          { name: 'web', image: app.image },
          { name: 'database', image: `${pinned.image}@${pinned.digest}` },
        ],
      },
    ];
    await fleet.apply('office', specOf('office', base.image, { workloads }));
    const first = await succeed('office');
    const { status } = await fleet.definition('office');
    assert.deepEqual(imagesOf(status), [{ image: app.image, digest: app.digest }]);
    const text = async (build: string): Promise<string> => {
      const { spec } = await fleet.build(build);
      const context = await pullContext(fleet.registry, spec.output.repository, spec.context);
      return context.layers.map(layer => Buffer.from(layer).toString('latin1')).join('');
    };
    assert.ok((await text(first)).includes(app.digest));
    assert.ok((await text(first)).includes(pinned.digest));

    const heal = fleet.server.requests.fail(({ path }) => path.startsWith('/v2/apps/web/'), { status: 503 });
    await poll('office');
    await fleet.until('office', has('LookupFailed', 'RegistryUnavailable'));
    heal();
    const next = await push('apps/web');
    await poll('office');
    const moved = await fleet.until('office', says('BuildPending'));
    assert.deepEqual(imagesOf(moved.status), [{ image: app.image, digest: next.digest }]);
    assert.equal(moved.status?.base?.digest, base.digest);
    assert.ok((await text(latestBuild(moved))).includes(next.digest));
    await succeed('office');

    const manual = specOf('office', base.image, { workloads, base: { image: base.image, update: 'Manual' } });
    await fleet.apply('office', manual);
    await fleet.until('office', says('Succeeded'));
    const third = await push('apps/web');
    await poll('office');
    const waiting = await fleet.until('office', has('BaseUpdateAvailable', 'WaitingForApproval'));
    assert.match(
      condition(waiting, 'BaseUpdateAvailable')?.message ?? '',
      new RegExp(`^workload image ${app.image} is now ${third.digest}, and ${next.digest} is in use; to build`),
    );
    await fleet.apply('office', manual, { [approveBase]: third.digest });
    const approved = await fleet.until('office', says('BuildPending'));
    assert.deepEqual(imagesOf(approved.status), [{ image: app.image, digest: third.digest }]);
  });

  it('says which workload image is nowhere', async () => {
    const base = await push('base/lonely');
    const image = `${fleet.server.host}/apps/nowhere:1`;
    const workloads = [{ name: 'w', containers: [{ name: 'c', image }] }];
    await fleet.apply('lonely', specOf('lonely', base.image, { workloads }));
    const { status } = await fleet.until('lonely', says('WorkloadImageNotFound'));
    assert.equal(
      conditionOf(status?.conditions, 'Ready')?.message,
      `spec.workloads: ${image} is not in its registry; correct the name, or push the image`,
    );
    assert.ok(isTrue(status?.conditions, 'Reconciling'));
  });

  it('pulls with base.pullSecretRef, and looks anew on request', async () => {
    const image = `${fleet.lockedServer.host}/base/system:1`;
    await fleet.apply('private', specOf('private', image, { base: { image } }));
    await fleet.until('private', says('RegistryAccessDenied'));
    await fleet.apply('private', specOf('private', image, { base: { image, pullSecretRef: { name: 'absent' } } }));
    const { status } = await fleet.until('private', says('SecretNotFound'));
    assert.match(conditionOf(status?.conditions, 'Ready')?.message ?? '', /absent/);
    // The registry is asked with the credentials, and says that it has no such image.
    await fleet.apply('private', specOf('private', image, { base: { image, pullSecretRef: { name: 'push' } } }), {
      [requestedAt]: '1',
    });
    await fleet.until('private', definition => condition(definition, 'Ready')?.reason === 'BaseNotFound');
  });
});
