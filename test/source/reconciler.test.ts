import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isTrue } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace, documentAnnotation, inputsAnnotation, requestedAt, sourceLabel } from '../../controller/api/names.ts';
import { shortRevision } from '../../controller/api/short-revision.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { startGitServer } from '../cluster/git-server.ts';
import { until } from '../kube/until.ts';
import { type RunningController, type SourceWorld, definitionYaml, poolYaml, startSourceWorld } from './source-fixture.ts';

let world: SourceWorld;
let controller: RunningController;
before(async () => {
  world = await startSourceWorld();
  controller = await world.startController();
});
after(async () => {
  await controller.stop();
  await world.stop();
});

const restart = async (): Promise<void> => {
  await controller.stop();
  controller = await world.startController();
};
/** Writes to the API since the record was cleared, but for status. */
const writes = (): string[] =>
  world.proxy.record
    .filter(call => !['get', 'list', 'watch'].includes(call.verb))
    .map(call => `${call.verb} ${call.resource}${call.subresource ? `/${call.subresource}` : ''} ${call.name}`);
describe('a SystemSource', () => {
  it('applies definitions and pools, with where they came from', async () => {
    const git = await world.source('first', {
      'systems/one/one.yaml': definitionYaml('first-one', '  files: [{ path: /etc/motd, from: motd }]\n'),
      'systems/one/motd': 'hello\n',
      'systems/pools.yml': poolYaml('first-one'),
      'systems/.hidden/x.yaml': definitionYaml('first-hidden'),
      'README.md': 'scantling.dev/ is great',
    });
    const oid = await git.head();
    const source = await world.ready('first', 'Succeeded', oid);
    const revision = `main@sha1:${oid}`;
    assert.equal(source.status?.lastAppliedRevision, revision);
    assert.equal(source.status?.transport, 'v2-filter');
    assert.equal(source.status?.transportReason, undefined);
    assert.equal(source.status?.observedGeneration, source.metadata.generation);
    assert.equal(await world.message('first'), `applied ${shortRevision(revision)}: 2 objects`);
    assert.deepEqual(await world.inventory('first'), [
      'SystemDefinition/first-one systems/one/one.yaml',
      'SystemPool/first-one systems/pools.yml',
    ]);
    const definition = await world.definition('first-one');
    assert.deepEqual(definition?.spec.sourceRef, { name: 'first', path: 'systems/one', revision });
    assert.equal(definition?.metadata.labels?.[sourceLabel], 'first');
    assert.equal(definition?.metadata.annotations?.[documentAnnotation], 'systems/one/one.yaml');
    assert.match(definition?.metadata.annotations?.[inputsAnnotation] ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.equal(await world.definition('first-hidden'), undefined);
    await until('the event', () => controller.events.some(e => e.regarding.name === 'first'));
    const event = controller.events.find(e => e.regarding.name === 'first');
    assert.deepEqual([event?.type, event?.reason, event?.note], ['Normal', 'NewRevision', `${revision}: 2 written, 0 removed`]);
    const tree = await controller.openRevision('first', revision, { name: 'none' });
    const entry = await tree.entry('systems/one/motd');
    assert.ok(entry);
    assert.equal(Buffer.from((await tree.read([entry])).get(entry.oid) ?? []).toString(), 'hello\n');
    await world.remove('first');
  });

  it('polls an unchanged repository in one request and writes nothing', async () => {
    await world.source('quiet', { 'a.yaml': definitionYaml('quiet') });
    await world.ready('quiet', 'Succeeded');
    await world.twoPolls('quiet');
    world.proxy.clear();
    world.git.requests.clear();
    await world.twoPolls('quiet');
    const log = world.git.requests.log.filter(e => e.path.startsWith('/quiet.git'));
    assert.ok(
      log.every(e => e.method === 'POST' && e.bytesIn < 200 && e.bytesOut < 200),
      JSON.stringify(log),
    );
    assert.deepEqual(writes(), []);
    await world.remove('quiet');
  });

  it('writes only what a commit changed, and pins it to that commit', async () => {
    const files: Record<string, string> = { 'shared/common': 'one\n' };
    for (let i = 0; i < 20; i++)
      files[`s${i}/s.yaml`] = definitionYaml(`many-${i}`, i === 3 ? '  trees: [{ from: ../shared, to: /etc/x }]\n' : '');
    const git = await world.source('many', files);
    const first = await git.head();
    await world.ready('many', 'Succeeded', first);
    world.proxy.clear();
    const second = await git.commit({ 's7/s.yaml': definitionYaml('many-7', '  kernelArguments: [quiet]\n') }, 'one document');
    await world.ready('many', 'Succeeded', second);
    assert.deepEqual(writes(), ['patch systemdefinitions many-7', 'patch systemsources/status many']);
    world.proxy.clear();
    const third = await git.commit({ 'shared/common': 'two\n' }, 'what a document reads');
    await world.ready('many', 'Succeeded', third);
    assert.deepEqual(writes(), ['patch systemdefinitions many-3', 'patch systemsources/status many']);
    world.proxy.clear();
    const fourth = await git.commit({ 's9/s.yaml': `# a comment\n${definitionYaml('many-9')}` }, 'nothing of meaning');
    await world.ready('many', 'Succeeded', fourth);
    assert.deepEqual(writes(), ['patch systemsources/status many']);
    const revisionOf = async (name: string) => (await world.definition(name))?.spec.sourceRef?.revision;
    assert.equal(await revisionOf('many-7'), `main@sha1:${second}`);
    assert.equal(await revisionOf('many-3'), `main@sha1:${third}`);
    assert.equal(await revisionOf('many-9'), `main@sha1:${first}`);

    world.proxy.clear();
    await restart();
    await world.annotate('many', { [requestedAt]: 'now' });
    await until('the request is answered', async () => (await world.get('many')).status?.lastHandledReconcileAt === 'now');
    assert.deepEqual(
      writes().filter(w => !w.startsWith('patch systemsources')),
      [],
      'a restart writes nothing anew',
    );
    await world.remove('many');
  });

  it('takes a Containerfile, and every file of its context, for a part of the document', async () => {
    const containerfile = '  containerfile: { from: ../images/edge/Containerfile, context: ../images/edge }\n';
    const git = await world.source('stages', {
      's/edge.yaml': definitionYaml('stages-edge', containerfile),
      's/plain.yaml': definitionYaml('stages-plain'),
      'images/edge/Containerfile': 'COPY etc/agent.toml /etc/\n',
      'images/edge/etc/agent.toml': 'a = 1\n',
      'images/other': '',
    });
    const first = await git.head();
    await world.ready('stages', 'Succeeded', first);
    const revisionOf = async (name: string) => (await world.definition(name))?.spec.sourceRef?.revision;
    const changes: Record<string, string>[] = [
      { 'images/edge/Containerfile': 'COPY etc/agent.toml /usr/lib/\n' },
      { 'images/edge/etc/agent.toml': 'a = 2\n' },
      { 'images/edge/etc/new': '' },
    ];
    for (const change of changes) {
      const oid = await git.commit(change, 'what the Containerfile reads');
      await world.ready('stages', 'Succeeded', oid);
      assert.equal(await revisionOf('stages-edge'), `main@sha1:${oid}`);
    }
    const before = await revisionOf('stages-edge');
    const oid = await git.commit({ 'images/other': 'x' }, 'beside it');
    await world.ready('stages', 'Succeeded', oid);
    assert.equal(await revisionOf('stages-edge'), before);
    assert.equal(await revisionOf('stages-plain'), `main@sha1:${first}`);

    const bad = await git.commit(
      {
        's/away.yaml': definitionYaml('stages-away', '  containerfile: { from: ../../Containerfile }\n'),
        's/kind.yaml': definitionYaml('stages-kind', '  containerfile: { from: ../images, context: ../images/other }\n'),
        's/lost.yaml': definitionYaml('stages-lost', '  containerfile: { inline: RUN true, context: nowhere }\n'),
      },
      'bad',
    );
    const source = await world.ready('stages', 'DocumentsRefused', bad);
    assert.deepEqual(
      source.status?.failures?.map(failure => `${failure.file}:${failure.line} ${failure.message}`),
      [
        's/away.yaml:9 spec.containerfile.from: "../../Containerfile" leaves the repository',
        's/kind.yaml:9 spec.containerfile.from: "../images" is a directory; name the file',
        's/kind.yaml:9 spec.containerfile.context: "../images/other" is not a directory',
        's/lost.yaml:9 spec.containerfile.context: "nowhere" is not in the repository (s/nowhere)',
      ],
    );
    await world.remove('stages');
  });

  it('refuses a bad document with file and line, keeps its last good version, and applies the others', async () => {
    const git = await world.source('bad', { 'a.yaml': definitionYaml('bad-a'), 'b.yaml': definitionYaml('bad-b') });
    await world.ready('bad', 'Succeeded');
    const oid = await git.commit(
      {
        'a.yaml': definitionYaml('bad-a', '  kernelArgs: [quiet]\n'),
        'b.yaml': definitionYaml('bad-b', '  kernelArguments: [debug]\n'),
        'c.yaml': definitionYaml('bad-c', '  files: [{ path: /etc/x, from: nowhere }]\n'),
        'd.yaml': definitionYaml('bad-d', '  packages:\n    manager: dnf\n'),
      },
      'bad',
    );
    const source = await world.ready('bad', 'DocumentsRefused', oid);
    assert.deepEqual(source.status?.failures, [
      { file: 'a.yaml', line: 9, message: 'spec: unknown field "kernelArgs"' },
      { file: 'c.yaml', line: 9, message: 'spec.files[0].from: "nowhere" is not in the repository (nowhere)' },
      { file: 'd.yaml', line: 9, message: 'spec.packages: name at least one package to install or remove' },
    ]);
    assert.match(await world.message('bad'), /^a\.yaml:9: spec: unknown field "kernelArgs" \(and 2 more in status\.failures\)$/);
    assert.ok(isTrue(source.status?.conditions, 'Stalled'));
    assert.equal(source.status?.lastAppliedRevision, `main@sha1:${oid}`);
    assert.deepEqual((await world.definition('bad-b'))?.spec.kernelArguments, ['debug']);
    assert.ok(await world.definition('bad-a'), 'its last good version stays');
    assert.deepEqual(await world.inventory('bad'), ['SystemDefinition/bad-a a.yaml', 'SystemDefinition/bad-b b.yaml']);
    const cured = await git.commit({ 'a.yaml': definitionYaml('bad-a'), 'c.yaml': null, 'd.yaml': null }, 'cured');
    const good = await world.ready('bad', 'Succeeded', cured);
    assert.deepEqual(good.status?.failures, []);
    await world.remove('bad');
  });

  it('refuses documents that declare the same object twice', async () => {
    await world.source('twins', {
      'a.yaml': definitionYaml('twin'),
      'b.yaml': definitionYaml('twin'),
      'c.yaml': definitionYaml('single'),
    });
    const source = await world.ready('twins', 'DocumentsRefused');
    assert.deepEqual(
      source.status?.failures?.map(f => `${f.file}:${f.line}: ${f.message}`),
      [
        'a.yaml:1: SystemDefinition/twin is declared again in b.yaml:1',
        'b.yaml:1: SystemDefinition/twin is declared again in a.yaml:1',
      ],
    );
    assert.equal(await world.definition('twin'), undefined);
    assert.ok(await world.definition('single'));
    await world.remove('twins');
  });

  it('does not seize an object that a person made, until it is handed over', async () => {
    const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name: 'by-hand' } };
    const spec = { base: { image: 'registry.example.com/mine:1' }, output: { repository: 'registry.example.com/mine' } };
    await world.admin.apply(systemdefinitions, { ...object, spec }, { fieldManager: 'kubectl' });
    await world.source('seizer', { 'a.yaml': definitionYaml('by-hand') });
    await world.ready('seizer', 'DocumentsRefused');
    assert.equal(
      await world.message('seizer'),
      'a.yaml:1: SystemDefinition/by-hand exists and was not applied by a source; delete it, or hand it over with the label scantling.dev/source=seizer',
    );
    assert.equal((await world.definition('by-hand'))?.spec.base.image, 'registry.example.com/mine:1');
    await world.admin.mergePatch(
      systemdefinitions,
      'by-hand',
      { metadata: { labels: { [sourceLabel]: 'seizer' } } },
      { fieldManager: 'kubectl' },
    );
    await world.annotate('seizer', { [requestedAt]: '1' });
    await world.ready('seizer', 'Succeeded');
    assert.equal((await world.definition('by-hand'))?.spec.base.image, 'registry.example.com/base:1');
    await world.remove('seizer');
  });
});

describe('drift', () => {
  it('of what a source applied is put right: deleted objects come back, changed fields too', async () => {
    await world.source('drift', { 'a.yaml': definitionYaml('drift') }, { interval: '1h' });
    await world.ready('drift', 'Succeeded');
    await world.admin.delete(systemdefinitions, 'drift');
    await until('it is back', async () => (await world.definition('drift')) !== undefined);
    await world.admin.mergePatch(
      systemdefinitions,
      'drift',
      { spec: { base: { image: 'registry.example.com/evil:1' } } },
      { fieldManager: 'kubectl' },
    );
    await until(
      'the field is back',
      async () => (await world.definition('drift'))?.spec.base.image === 'registry.example.com/base:1',
    );
    const byHand = { spec: { labels: { a: 'b' }, kernelArguments: ['debug'] } };
    await world.admin.mergePatch(systemdefinitions, 'drift', byHand, { fieldManager: 'kubectl' });
    await until('what was added is gone', async () => {
      const spec = (await world.definition('drift'))?.spec;
      return spec !== undefined && spec.labels === undefined && spec.kernelArguments === undefined;
    });
    await world.remove('drift');
  });
});

describe('a source that is', () => {
  it('suspended does nothing and says so', async () => {
    const git = await world.source('paused', { 'a.yaml': definitionYaml('paused') });
    await world.ready('paused', 'Succeeded');
    await world.patch('paused', { suspend: true });
    const suspended = await world.ready('paused', 'Suspended');
    assert.ok(isTrue(suspended.status?.conditions, 'Ready'), 'the last state stays');
    const oid = await git.commit({ 'b.yaml': definitionYaml('paused-b') }, 'unseen');
    await world.annotate('paused', { [requestedAt]: '1' });
    await world.patch('paused', { suspend: false });
    await world.ready('paused', 'Succeeded', oid);
    await world.remove('paused');
  });

  it('deleted leaves its objects in place, which another source may take up', async () => {
    await world.source('gone', { 'a.yaml': definitionYaml('orphan') });
    await world.ready('gone', 'Succeeded');
    const uid = (await world.definition('orphan'))?.metadata.uid;
    await world.remove('gone');
    const orphan = await world.definition('orphan');
    assert.equal(orphan?.metadata.uid, uid);
    assert.equal(orphan?.metadata.labels?.[sourceLabel], undefined);
    assert.ok(controller.events.some(e => e.reason === 'Released' && e.regarding.name === 'gone'));
    await world.source('heir', { 'a.yaml': definitionYaml('orphan') });
    await world.ready('heir', 'Succeeded');
    assert.equal((await world.definition('orphan'))?.metadata.uid, uid);
    assert.equal((await world.definition('orphan'))?.metadata.labels?.[sourceLabel], 'heir');
    await world.remove('heir');
  });

  it('asked by annotation answers at once, whatever its interval', async () => {
    const git = await world.source('asked', { 'a.yaml': definitionYaml('asked') }, { interval: '10h' });
    await world.ready('asked', 'Succeeded');
    const oid = await git.commit({ 'b.yaml': definitionYaml('asked-b') }, 'second');
    await world.annotate('asked', { [requestedAt]: 'now' });
    const source = await world.ready('asked', 'Succeeded', oid);
    assert.equal(source.status?.lastHandledReconcileAt, 'now');
    await world.remove('asked');
  });
});

describe('when something fails', () => {
  it('in the Git server, what is applied stays, and the source recovers by itself', async () => {
    const git = await world.source('flaky', { 'a.yaml': definitionYaml('flaky') });
    await world.ready('flaky', 'Succeeded');
    const end = world.git.requests.fail(e => e.path.startsWith('/flaky.git'), { status: 503 });
    const failed = await world.ready('flaky', 'GitServerUnavailable');
    assert.ok(isTrue(failed.status?.conditions, 'Reconciling'));
    assert.equal(failed.status?.inventory?.length, 1);
    end();
    await world.ready('flaky', 'Succeeded');
    const oid = await git.commit({ 'a.yaml': definitionYaml('flaky', '  kernelArguments: [x]\n') }, 'next');
    const cut = world.git.requests.fail(e => e.path.startsWith('/flaky.git') && e.method === 'POST', {
      cutAfterBytes: 20,
      times: 3,
    });
    await world.ready('flaky', 'Succeeded', oid);
    cut();
    await world.remove('flaky');
  });

  it('in the API server midway, the next pass finishes', async () => {
    const files = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`${i}.yaml`, definitionYaml(`mid-${i}`)]));
    const fault = world.proxy.fail({ verb: 'patch', resource: 'systemdefinitions', name: 'mid-5' }, { status: 500, times: 2 });
    await world.source('mid', files);
    const source = await world.ready('mid', 'Succeeded');
    assert.equal(source.status?.inventory?.length, 8);
    void fault;
    await world.remove('mid');
  });
});

const base64 = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Buffer.from(v).toString('base64')]));

describe('credentials', () => {
  it('come from the Secret, and are in no log, event, status or error', async () => {
    const [username, password] = ['robot', 'pa55-w0rd-never-shown'];
    const encoded = Buffer.from(`${username}:${password}`).toString('base64');
    const server = await startGitServer({ auth: { username, password }, tls: true });
    try {
      const git = await server.createRepository('private');
      const oid = await git.commit({ 'a.yaml': definitionYaml('private') }, 'first');
      const spec = { url: git.url, secretRef: { name: 'git' } };
      await world.source('private', { x: 'unused' }, spec);
      await world.ready('private', 'SecretNotFound');
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'git', namespace: defaultNamespace } };
      const put = (values: Record<string, string>) =>
        world.admin.apply(secrets, { ...secret, data: base64(values) }, { fieldManager: 'test' });
      const again = (n: string) => world.annotate('private', { [requestedAt]: n });
      await put({ username, 'ca.crt': server.certificateAuthority });
      await again('1');
      await world.ready('private', 'InvalidSecret');
      await put({ username, password: 'wr0ng-one', 'ca.crt': server.certificateAuthority });
      await again('2');
      await world.ready('private', 'AuthenticationFailed');
      await put({ username, password, 'ca.crt': server.certificateAuthority });
      await again('3');
      await world.ready('private', 'Succeeded', oid);
      const everything = JSON.stringify([
        await world.get('private'),
        await world.definition('private'),
        controller.events,
        controller.lines,
      ]);
      for (const word of [password, encoded, 'wr0ng-one']) assert.ok(!everything.includes(word), word);
      await world.remove('private');
    } finally {
      await server.stop();
    }
  });
});

describe('pools', () => {
  it('are applied and pruned like definitions', async () => {
    const git = await world.source('pools', { 'a.yaml': `${definitionYaml('pools')}---\n${poolYaml('pools')}` });
    await world.ready('pools', 'Succeeded');
    const pools = async () => (await world.admin.list(systempools, { labelSelector: `${sourceLabel}=pools` })).items.length;
    assert.equal(await pools(), 1);
    const oid = await git.commit({ 'a.yaml': definitionYaml('pools') }, 'no pool');
    await world.ready('pools', 'Succeeded', oid);
    assert.equal(await pools(), 0);
    await world.remove('pools');
  });
});
