import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { type ImageBuild, imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import type { SystemDefinition } from '../../controller/api/system-definition.ts';
import { contextDigest, pullContext } from '../../controller/build/context.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { type Fleet, type RunningController, says, startFleet, succeeded } from './fleet-fixture.ts';

const motd = (content: string): object => ({ files: [{ path: '/etc/motd', content }] });

function latestBuild(definition: SystemDefinition): string {
  assert.ok(definition.status?.latestBuild);
  return definition.status.latestBuild;
}

describe('a SystemDefinition on a real API server', () => {
  let fleet: Fleet;
  let controller: RunningController;
  before(async () => {
    fleet = await startFleet();
    controller = await fleet.startController();
  });
  after(() => fleet.stop());

  const repositoryOf = (name: string): string => `${fleet.server.host}/out/${name}`;
  const specOf = (name: string, parts: object = {}): object => ({
    base: { image: fleet.base.image },
    output: { repository: repositoryOf(name) },
    ...parts,
  });
  /** Waits for the build of the present inputs and plays its success. */
  const buildOf = async (name: string): Promise<string> => {
    const build = latestBuild(await fleet.until(name, says('BuildPending')));
    await fleet.finishBuild(build, succeeded(build));
    return build;
  };
  /** status.image when a played build was the last good one. */
  const playedImage = (definition: string, build: string): string =>
    `${repositoryOf(definition)}@${succeeded(build).image.digest}`;
  const writes = (): string[] =>
    fleet.proxy.record
      .filter(call => !['get', 'list', 'watch'].includes(call.verb))
      .map(call => `${call.verb} ${call.resource} ${call.name}`);

  it('goes from a commit to an image: context pushed, build asked for and followed', async () => {
    const revision = await fleet.commit({ 'one/rootfs/etc/a': 'A\n', 'shared/b': 'B\n' });
    const sourceRef = { name: 'fleet', path: 'one', revision };
    const parts = { trees: [{ from: 'rootfs/etc', to: '/etc' }], files: [{ path: '/usr/share/b', from: '../shared/b' }] };
    await fleet.apply('one', specOf('one', { sourceRef, ...parts }));

    const pending = await fleet.until('one', says('BuildPending'));
    const name = latestBuild(pending);
    const build = await fleet.build(name);
    assert.match(name, /^one-[0-9a-f]{10}$/);
    assert.deepEqual(build.spec, {
      definitionRef: { name: 'one', generation: 1 },
      revision,
      context: pending.status?.contextDigest,
      base: `${fleet.base.image.replace(/:[^:]*$/, '')}@${fleet.base.digest}`,
      output: { repository: repositoryOf('one') },
      execution: { timeout: '30m', lint: 'Warn' },
      builderVersion: build.spec.builderVersion,
    });
    assert.deepEqual(
      build.metadata.ownerReferences?.map(owner => owner.uid),
      [pending.metadata.uid],
    );
    const context = await pullContext(fleet.registry, repositoryOf('one'), build.spec.context);
    assert.equal(contextDigest(context), build.spec.context);
    assert.deepEqual(
      context.plan.layers.map(layer => layer.comment),
      ['tree: /etc', 'files'],
    );
    assert.equal(pending.status?.image, undefined);
    assert.ok(isTrue(pending.status?.conditions, 'Reconciling'));

    await fleet.finishBuild(name, { phase: 'Building', attempts: 1 });
    await fleet.until('one', says('Building'));
    const { image } = succeeded(name);
    await fleet.finishBuild(name, succeeded(name));
    const { status } = await fleet.until('one', says('Succeeded'));
    assert.equal(status?.image, playedImage('one', name));
    assert.deepEqual(status?.digests, [image.digest, ...(image.platforms ?? []).map(p => p.digest)]);
    assert.equal(status?.revision, revision);
    assert.equal(status?.version, image.version);
    assert.equal(status?.base?.digest, fleet.base.digest);
    assert.deepEqual(
      status?.conditions?.map(c => c.type),
      ['ImageTrusted', 'Ready'],
    );
    const { events } = controller;
    await controller.stop();
    controller = await fleet.startController();
    assert.deepEqual(
      events.map(event => `${event.type} ${event.reason}`),
      ['Normal BuildRequested', 'Normal Succeeded'],
    );
  });

  it('returns to the first image at once when a change is reverted, and builds nothing', async () => {
    await fleet.apply('revert', specOf('revert', motd('first')));
    const first = await buildOf('revert');
    await fleet.until('revert', says('Succeeded'));
    await fleet.apply('revert', specOf('revert', motd('second')));
    const second = latestBuild(await fleet.until('revert', says('BuildPending')));
    assert.notEqual(second, first);
    assert.equal((await fleet.definition('revert')).status?.image, playedImage('revert', first));
    await fleet.finishBuild(second, succeeded(second));
    assert.equal((await fleet.until('revert', says('Succeeded'))).status?.image, playedImage('revert', second));

    const pushes = (): number => fleet.server.requests.log.filter(({ method }) => method !== 'GET' && method !== 'HEAD').length;
    const before = pushes();
    await fleet.apply('revert', specOf('revert', motd('first')));
    const back = await fleet.until('revert', says('Succeeded'));
    assert.equal(back.status?.latestBuild, first);
    assert.equal(back.status.image, playedImage('revert', first));
    assert.equal((await fleet.builds('revert')).length, 2);
    assert.equal(pushes(), before);
  });

  it('keeps the last good image when a build fails, and tries it again on request', async () => {
    await fleet.apply('failing', specOf('failing', motd('good')));
    const good = await buildOf('failing');
    await fleet.until('failing', says('Succeeded'));
    await fleet.apply('failing', specOf('failing', motd('bad')));
    const bad = latestBuild(await fleet.until('failing', says('BuildPending')));
    await fleet.finishBuild(bad, {
      phase: 'Failed',
      attempts: 3,
      failure: { step: 'RUN dnf', exitCode: 1, message: 'no such package' },
    });
    const failed = await fleet.until('failing', says('BuildFailed'));
    assert.ok(isTrue(failed.status?.conditions, 'Stalled'));
    assert.equal(
      conditionOf(failed.status?.conditions, 'Ready')?.message,
      `ImageBuild ${bad} failed after 3 attempts, step RUN dnf: no such package; change the definition, or set the annotation ${requestedAt} to try again`,
    );
    assert.equal(failed.status?.image, playedImage('failing', good));
    assert.equal(failed.status?.latestBuild, bad);

    await fleet.apply('failing', specOf('failing', motd('bad')), { [requestedAt]: 'again' });
    const retried = await fleet.until('failing', says('BuildPending'));
    assert.equal(retried.status?.lastHandledReconcileAt, 'again');
    assert.equal((await fleet.build(bad)).metadata.annotations?.[requestedAt], 'again');
    await fleet.finishBuild(bad, { ...succeeded(bad), lastHandledReconcileAt: 'again' });
    assert.equal((await fleet.until('failing', says('Succeeded'))).status?.image, playedImage('failing', bad));
  });

  it('follows its source where it names no revision, and builds only when what it reads changed', async () => {
    const first = await fleet.commit({ 'two/a': 'A' });
    const parts = { sourceRef: { name: 'fleet', path: 'two' }, files: [{ path: '/etc/a', from: 'a' }] };
    await fleet.apply('two', specOf('two', parts));
    const build = await buildOf('two');
    assert.equal((await fleet.until('two', says('Succeeded'))).status?.revision, first);
    const other = await fleet.commit({ unrelated: 'x' });
    const { status } = await fleet.until('two', definition => definition.status?.revision === other);
    assert.equal(status?.latestBuild, build);
    await fleet.commit({ 'two/a': 'changed' });
    assert.notEqual(latestBuild(await fleet.until('two', says('BuildPending'))), build);
  });

  it('says which field asks for what is missing, and where', async () => {
    const revision = await fleet.commit({ 'three/present': '' });
    const sourceRef = { name: 'fleet', path: 'three', revision };
    const annotations = { 'scantling.dev/document': 'three/system.yaml' };
    await fleet.apply('three', specOf('three', { sourceRef, files: [{ path: '/etc/a', from: 'absent' }] }), annotations);
    const { status } = await fleet.until('three', says('InputNotFound'));
    assert.ok(isTrue(status?.conditions, 'Stalled'));
    assert.equal(
      conditionOf(status?.conditions, 'Ready')?.message,
      `three/system.yaml: spec.files[0].from: "absent" is not in the repository: "three/absent" is missing at ${revision}; commit it or correct the path`,
    );
    await fleet.apply('three', specOf('three', { sourceRef, files: [{ path: '/var/a', from: 'present' }] }), annotations);
    const refused = await fleet.until('three', says('RenderFailed'));
    assert.match(
      conditionOf(refused.status?.conditions, 'Ready')?.message ?? '',
      /^three\/system\.yaml: spec\.files\[0\]\.path: \/var\/a is not below/,
    );
    assert.deepEqual(await fleet.builds('three'), []);
  });

  it('looks again when its source may be read otherwise, and when a Secret was corrected', async () => {
    const revision = await fleet.commit({ 'large/a': 'x'.repeat(2_000) });
    await fleet.changeSource({ limits: { packBytes: 1_000_000, objects: 1_000, fileBytes: 1_024 } });
    const sourceRef = { name: 'fleet', path: 'large', revision };
    await fleet.apply('large', specOf('large', { sourceRef, files: [{ path: '/etc/a', from: 'a' }] }));
    await fleet.until('large', says('LimitExceeded'));
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'git', namespace: defaultNamespace } };
    await fleet.admin.create(secrets, secret);
    await fleet.changeSource({ secretRef: { name: 'git' } });
    const refused = await fleet.until('large', says('InvalidSecret'));
    assert.ok(isTrue(refused.status?.conditions, 'Reconciling'));
    const token = Buffer.from('token').toString('base64');
    await fleet.admin.apply(secrets, { ...secret, data: { bearerToken: token } }, { fieldManager: 'test' });
    await buildOf('large');
    await fleet.changeSource({});
  });

  it('waits for a source that is not there yet', async () => {
    await fleet.apply('early', specOf('early', { sourceRef: { name: 'later' }, files: [{ path: '/etc/a', from: 'a' }] }));
    const { status } = await fleet.until('early', says('SourceNotReady'));
    assert.ok(isTrue(status?.conditions, 'Reconciling'));
    assert.equal(
      conditionOf(status?.conditions, 'Ready')?.message,
      'spec.sourceRef: SystemSource later does not exist; apply it or correct the name',
    );
  });

  it('refuses by name a base that is missing, forbidden or not bootable', async () => {
    const missing = `${fleet.server.host}/base/absent:1`;
    await fleet.apply('missing', specOf('missing', { base: { image: missing } }));
    const absent = await fleet.until('missing', says('BaseNotFound'));
    assert.match(
      conditionOf(absent.status?.conditions, 'Ready')?.message ?? '',
      new RegExp(`^spec\\.base\\.image: ${missing} is not in its registry; correct the name`),
    );

    const plain = await pushBaseImage({
      registry: fleet.server.host,
      repository: 'base/plain',
      labels: { 'containers.bootc': '0' },
    });
    await fleet.apply('plain', specOf('plain', { base: { image: plain.image } }));
    const refused = await fleet.until('plain', says('BaseNotBootable'));
    assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
    assert.match(
      conditionOf(refused.status?.conditions, 'Ready')?.message ?? '',
      /base\/plain@sha256:\S+ \(linux\/amd64, linux\/arm64\) is not bootable/,
    );
    assert.equal(refused.status?.base, undefined);

    const locked = `${fleet.lockedServer.host}/base/system:1`;
    await fleet.apply('locked', specOf('locked', { base: { image: locked } }));
    const forbidden = await fleet.until('locked', says('RegistryAccessDenied'));
    assert.match(conditionOf(forbidden.status?.conditions, 'Ready')?.message ?? '', /base\/system/);
    for (const name of ['missing', 'plain', 'locked']) assert.deepEqual(await fleet.builds(name), []);
  });

  it('resolves the base again only when the spec changes or on request', async () => {
    const old = await pushBaseImage({ registry: fleet.server.host, repository: 'base/moving', tag: 'stable' });
    await fleet.apply('moving', specOf('moving', { base: { image: old.image }, ...motd('same') }));
    const build = await buildOf('moving');
    await fleet.until('moving', says('Succeeded'));
    const next = await pushBaseImage({
      registry: fleet.server.host,
      repository: 'base/moving',
      tag: 'stable',
      labels: { new: '1' },
    });
    await controller.stop();
    controller = await fleet.startController();
    // The build's change wakes the definition, which has no reason to look at the tag.
    await fleet.finishBuild(build, { ...succeeded(build), attempts: 2 });
    assert.equal((await fleet.until('moving', says('Succeeded'))).status?.base?.digest, old.digest);
    await fleet.apply('moving', specOf('moving', { base: { image: old.image }, ...motd('same') }), { [requestedAt]: 'now' });
    const moved = await fleet.until('moving', says('BuildPending'));
    assert.equal(moved.status?.base?.digest, next.digest);
    assert.notEqual(moved.status?.latestBuild, build);
  });

  it('pushes with the credentials of its Secret, and says which Secret is missing', async () => {
    const output = { repository: `${fleet.lockedServer.host}/out/secret`, pushSecretRef: { name: 'absent' } };
    await fleet.apply('secret', { base: { image: fleet.base.image }, output });
    const { status } = await fleet.until('secret', says('SecretNotFound'));
    assert.match(conditionOf(status?.conditions, 'Ready')?.message ?? '', /absent/);
    await fleet.apply('secret', { base: { image: fleet.base.image }, output: { ...output, pushSecretRef: { name: 'push' } } });
    await buildOf('secret');
    const ready = await fleet.until('secret', says('Succeeded'));
    assert.equal(JSON.stringify(ready).includes('not-a-secret'), false);
  });

  it('asks for no build while suspended, and goes on afterwards', async () => {
    await fleet.apply('asleep', specOf('asleep', motd('one')));
    const build = await buildOf('asleep');
    await fleet.until('asleep', says('Succeeded'));
    await fleet.apply('asleep', specOf('asleep', { ...motd('two'), build: { suspend: true } }));
    const suspended = await fleet.until('asleep', says('Suspended'));
    assert.ok(isTrue(suspended.status?.conditions, 'Ready'));
    assert.equal(suspended.status?.image, playedImage('asleep', build));
    assert.equal((await fleet.builds('asleep')).length, 1);
    await fleet.apply('asleep', specOf('asleep', { ...motd('two'), build: { suspend: false } }));
    assert.notEqual(latestBuild(await fleet.until('asleep', says('BuildPending'))), build);
  });

  it('waits for a build of its deleted namesake to be collected', async () => {
    await fleet.apply('again', specOf('again', motd('same')));
    const build = await fleet.build(await buildOf('again'));
    await fleet.admin.delete(imagebuilds, build.metadata.name);
    const foreign: ImageBuild = {
      ...build,
      metadata: {
        name: build.metadata.name,
        ownerReferences: (build.metadata.ownerReferences ?? []).map(owner => ({ ...owner, uid: 'another' })),
      },
    };
    delete foreign.status;
    await fleet.admin.create(imagebuilds, foreign);
    await fleet.until('again', says('BuildNotOwned'));
    await fleet.admin.delete(imagebuilds, build.metadata.name);
    const { status } = await fleet.until('again', says('BuildPending'));
    assert.equal(status?.latestBuild, build.metadata.name);
  });

  it('writes nothing after a restart when nothing changed', async () => {
    const revision = await fleet.commit({ 'calm/a': 'A' });
    const files = [{ path: '/etc/a', from: 'a' }];
    await fleet.apply('calm-own', specOf('calm-own', { sourceRef: { name: 'fleet', path: 'calm', revision }, files }));
    await fleet.apply('calm-following', specOf('calm-following', { sourceRef: { name: 'fleet', path: 'calm' }, files }));
    await buildOf('calm-own');
    await buildOf('calm-following');
    await fleet.until('calm-own', says('Succeeded'));
    await fleet.until('calm-following', says('Succeeded'));
    await controller.stop();
    fleet.proxy.record.length = 0;
    controller = await fleet.startController();
    // A definition that comes last is done when all before it are.
    await fleet.apply('calm-zero', specOf('calm-zero', motd('x')));
    await fleet.until('calm-zero', says('BuildPending'));
    await controller.stop();
    assert.deepEqual(writes(), ['create imagebuilds ', 'patch systemdefinitions calm-zero']);
    controller = await fleet.startController();
  });

  it('loses nothing when an answer of the API server is lost on the way', async () => {
    for (const [i, call] of [
      { verb: 'create', resource: 'imagebuilds' },
      { verb: 'patch', resource: 'systemdefinitions' },
    ].entries()) {
      const name = `lost-${i}`;
      fleet.proxy.fail(call, { drop: 'after', times: 1 });
      await fleet.apply(name, specOf(name, motd(name)));
      await buildOf(name);
      await fleet.until(name, says('Succeeded'));
      assert.equal((await fleet.builds(name)).length, 1);
    }
  });
});
