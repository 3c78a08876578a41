/** SystemAddons on a real API server, registry and Git server: what they are made of, and what becomes of them. */
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAddonArtifact } from '../../controller/addon/push-image.ts';
import { readFileList } from '../../controller/addon/read-file-list.ts';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { type SystemAddon, type SystemAddonStatusVariant, systemaddons } from '../../controller/api/system-addon.ts';
import { isKnownEvent } from '../../controller/event-table.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { parseReference, repositoryOf } from '../../controller/registry/reference.ts';
import { registryCredentials } from '../cluster/registry.ts';
import { until } from '../kube/until.ts';
import { type AddonCluster, type Rootfs, type RunningAddons, messageOf, says, startAddonCluster } from './addon-cluster.ts';

const fedora = { id: 'fedora', versionId: '42' };
const tool = (version: string): Rootfs => ({
  'usr/bin/tool': { mode: 0o755, content: `#!/bin/sh\necho ${version}\n` },
  'usr/lib/systemd/system/tool.service': '[Service]\nExecStart=/usr/bin/tool\n',
});

const first = ({ status }: SystemAddon): SystemAddonStatusVariant => {
  const variant = status?.variants?.[0];
  assert.ok(variant);
  return variant;
};

const formerOf = ({ status }: SystemAddon) => status?.history ?? [];

const fromImage = (reference: string, more: object = {}): object => ({ os: fedora, source: { image: { reference, ...more } } });

describe('a SystemAddon', () => {
  let cluster: AddonCluster;
  let running: RunningAddons;
  before(async () => {
    cluster = await startAddonCluster();
    running = await cluster.start();
  });
  after(() => cluster.stop());

  const told = (name: string): string[] =>
    running.events.filter(event => event.regarding.name === name).map(({ type, reason }) => `${type} ${reason}`);
  /** An event follows the status that it is about. */
  const tells = async (name: string, expected: readonly string[]): Promise<void> => {
    await until(`${expected.length} events`, () => told(name).length >= expected.length);
    assert.deepEqual(told(name), expected);
  };
  const pushes = (name: string): number =>
    cluster.server.requests.log.filter(({ method, path }) => method === 'PUT' && path.includes(`/addons/${name}/manifests/`))
      .length;
  const reads = (name: string): number =>
    cluster.server.requests.log.filter(({ method, path }) => method === 'GET' && path.includes(`/${name}/blobs/`)).length;

  it('becomes an artifact for its platform and system, of the image that its tag names', async () => {
    const { image, digest } = await cluster.pushRootfs('apps/tool', { 'linux/arm64': tool('arm'), 'linux/amd64': tool('amd') });
    const services = ['tool.service'];
    await cluster.apply('tool', { services, requires: { addons: ['runtime'], systemd: 255 }, variants: [fromImage(image)] });
    const addon = await cluster.until('tool', 'made', says('Succeeded'));
    const variant = first(addon);
    assert.equal(addon.status?.ready, '1/1');
    assert.deepEqual(
      [variant.platform, variant.os, variant.source],
      ['linux/amd64', fedora, `${repositoryOf(parseReference(image))}@${digest}`],
    );
    assert.equal(variant.trust?.decision, 'NotConfigured');
    assert.deepEqual([variant.services, variant.requires], [services, { addons: ['runtime'], systemd: 255 }]);
    assert.match(variant.image ?? '', new RegExp(`^${cluster.server.host}/addons/tool@sha256:[0-9a-f]{64}$`));
    const { config } = await readAddonArtifact(cluster.registry, variant.image ?? '');
    assert.deepEqual(
      { ...config, files: undefined },
      {
        name: 'tool',
        match: fedora,
        architecture: 'x86-64',
        image: { digest: variant.digest, size: variant.size },
        services,
        requires: { addons: ['runtime'], systemd: 255 },
        files: undefined,
      },
    );
    assert.ok(config.files);
    const listed = [];
    const repository = `${cluster.server.host}/addons/tool`;
    for await (const file of readFileList(cluster.registry, { repository, files: config.files }))
      if (file.type === 'file') listed.push(file);
    assert.deepEqual(
      listed.map(({ path }) => path),
      ['/usr/bin/tool', '/usr/lib/extension-release.d/extension-release.tool', '/usr/lib/systemd/system/tool.service'],
    );
    assert.equal(listed[0]?.digest, sha256('#!/bin/sh\necho amd\n'));
    await tells('tool', ['Normal Built']);
    assert.deepEqual(
      addon.status?.conditions?.map(({ type }) => type),
      ['ImageTrusted', 'Ready'],
    );
  });

  it('is made again when the tag moves, and only then', async () => {
    const { image } = await cluster.pushRootfs('apps/moving', { 'linux/amd64': tool('one') });
    await cluster.apply('moving', { variants: [fromImage(image)] });
    const one = await cluster.until('moving', 'made', says('Succeeded'));
    const [before, read] = [pushes('moving'), reads('apps/moving')];
    await cluster.ask('moving', 'the same');
    const same = await cluster.until('moving', 'looked at', says('Succeeded'));
    assert.deepEqual(same.status?.variants, one.status?.variants);
    assert.deepEqual([pushes('moving'), reads('apps/moving')], [before, read]);

    await cluster.pushRootfs('apps/moving', { 'linux/amd64': tool('two') });
    await cluster.ask('moving', 'moved');
    const two = await cluster.until('moving', 'made anew', a => says('Succeeded')(a) && first(a).image !== first(one).image);
    assert.notEqual(first(two).digest, first(one).digest);
    assert.ok(pushes('moving') > before);
    await tells('moving', ['Normal Built', 'Normal Built']);

    // What it was before comes back to the same artifact, byte for byte.
    await cluster.pushRootfs('apps/moving', { 'linux/amd64': tool('one') });
    await cluster.ask('moving', 'back');
    const back = await cluster.until('moving', 'back', a => says('Succeeded')(a) && first(a).image === first(one).image);
    assert.equal(first(back).digest, first(one).digest);
  });

  it('makes an artifact again that the registry no longer has, and nothing while it does not answer', async () => {
    const { image } = await cluster.pushRootfs('apps/lost', { 'linux/amd64': tool('lost') });
    await cluster.apply('lost', { variants: [fromImage(image)] });
    const made = first(await cluster.until('lost', 'made', says('Succeeded')));
    const before = pushes('lost');
    const mend = cluster.server.requests.fail(({ path }) => path.startsWith('/v2/addons/lost/'), { status: 503 });
    await cluster.ask('lost', 'down');
    const unsure = await cluster.until(
      'lost',
      'looked up in vain',
      a => isTrue(a.status?.conditions, 'LookupFailed') && says('Succeeded')(a),
    );
    assert.equal(first(unsure).image, made.image);
    assert.match(conditionOf(unsure.status?.conditions, 'LookupFailed')?.message ?? '', /what is known stays in use/);
    mend();
    const { digest = '' } = parseReference(made.image ?? '');
    await cluster.registry.deleteManifest(`${cluster.server.host}/addons/lost`, digest);
    await cluster.ask('lost', 'gone');
    await cluster.until('lost', 'made again', a => says('Succeeded')(a) && a.status?.lastHandledReconcileAt === 'gone');
    assert.ok(pushes('lost') > before);
    assert.equal((await readAddonArtifact(cluster.registry, made.image ?? '')).digest, digest);
    await tells('lost', ['Normal Built', 'Warning ArtifactGone']);
  });

  it('is not made while the registry is down, says so, and is when it is up', async () => {
    const { image } = await cluster.pushRootfs('apps/down', { 'linux/amd64': tool('down') });
    const mend = cluster.server.requests.fail(({ path }) => path.startsWith('/v2/addons/down/'), { status: 503 });
    await cluster.apply('down', { variants: [fromImage(image)] });
    const waiting = await cluster.until('down', 'waiting', says('RegistryUnavailable'));
    assert.equal(conditionOf(waiting.status?.conditions, 'Reconciling')?.reason, 'ProgressingWithRetry');
    assert.match(messageOf(waiting), /^linux\/amd64 for fedora 42: .*addons\/down/);
    assert.deepEqual(
      [first(waiting).reason, first(waiting).image, waiting.status?.ready],
      ['RegistryUnavailable', undefined, '0/1'],
    );
    mend();
    await cluster.until('down', 'made', says('Succeeded'));
    await tells('down', ['Warning RegistryUnavailable', 'Normal Built']);
  });

  it('takes no layer that is not what its digest says', async () => {
    const { image } = await cluster.pushRootfs('apps/spoiled', { 'linux/amd64': tool('spoiled') });
    const mend = cluster.server.requests.fail(
      ({ method, path, bytesOut }) => method === 'GET' && bytesOut === 0 && path.startsWith('/v2/apps/spoiled/blobs/'),
      { corrupt: chunk => Buffer.from(chunk).fill(1, 0, 8) },
    );
    await cluster.apply('spoiled', { variants: [fromImage(image)] });
    const refused = await cluster.until('spoiled', 'refused', says('DigestMismatch'));
    assert.equal(first(refused).image, undefined);
    mend();
    await cluster.until('spoiled', 'made', says('Succeeded'));
  });

  it('is refused with every path that it may not have, is not tried again for that, and keeps its last artifact', async () => {
    const { image } = await cluster.pushRootfs('apps/strict', { 'linux/amd64': tool('strict') });
    await cluster.apply('strict', { variants: [fromImage(image)] });
    const good = first(await cluster.until('strict', 'made', says('Succeeded')));
    const bad = { ...tool('strict'), 'etc/tool.conf': 'a\n', 'var/lib/tool': 'b\n', 'usr/lib/os-release': 'ID=mine\n' };
    const moved = await cluster.pushRootfs('apps/strict', { 'linux/amd64': bad });
    await cluster.ask('strict', 'moved');
    const refused = await cluster.until('strict', 'refused', says('ContentRefused'));
    for (const path of ['/etc/tool.conf', '/var/lib/tool', '/usr/lib/os-release'])
      assert.ok(messageOf(refused).includes(path), messageOf(refused));
    assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
    assert.deepEqual([first(refused).image, first(refused).reason], [good.image, 'ContentRefused']);

    const read = reads('apps/strict');
    const other = { os: { id: 'debian', versionId: '13' }, source: { files: [{ path: '/usr/bin/tool', content: 'a' }] } };
    await cluster.apply('strict', { variants: [fromImage(image), other] });
    const beside = await cluster.until('strict', 'beside', a => says('ContentRefused')(a) && a.status?.ready === '1/2');
    assert.deepEqual(
      beside.status?.variants?.map(({ reason, image: of }) => [reason, of === undefined]),
      [
        ['ContentRefused', false],
        [undefined, false],
      ],
    );
    assert.equal(reads('apps/strict'), read, 'what was refused is not downloaded again');
    await tells('strict', ['Normal Built', 'Warning ContentRefused', 'Normal Built']);

    const ignore = ['/etc', '/var', '/usr/lib/os-release'];
    await cluster.apply('strict', { variants: [fromImage(image, { ignore }), other] });
    const accepted = await cluster.until('strict', 'made', says('Succeeded'));
    assert.equal(first(accepted).source, `${repositoryOf(parseReference(moved.image))}@${moved.digest}`);
    assert.deepEqual([accepted.status?.ready, first(accepted).reason], ['2/2', undefined]);
  });

  it('says of a platform that the image does not have, and of an image that is not there, which variant it is', async () => {
    const { image } = await cluster.pushRootfs('apps/half', { 'linux/amd64': tool('half') });
    const arm = { ...fromImage(image), platform: 'linux/arm64' };
    const gone = { os: { id: 'debian' }, source: { image: { reference: `${cluster.server.host}/apps/none:1` } } };
    await cluster.apply('half', { variants: [fromImage(image), arm] });
    const stalled = await cluster.until('half', 'refused', says('PlatformUnsupported'));
    assert.match(messageOf(stalled), /^linux\/arm64 for fedora 42: .* has no linux\/arm64; it has linux\/amd64$/);
    assert.equal(stalled.status?.ready, '1/2');
    await cluster.apply('half', { variants: [fromImage(image), arm, gone] });
    const both = await cluster.until('half', 'refused for both', says('ImageNotFound'));
    assert.match(
      messageOf(both),
      /linux\/arm64 for fedora 42: .*; linux\/amd64 for debian: spec\.variants\[2\]\.source\.image\.reference: /,
    );
    assert.equal(both.status?.ready, '1/3');
    await cluster.pushRootfs('apps/half', { 'linux/amd64': tool('half'), 'linux/arm64': tool('half') });
    await cluster.apply('half', { variants: [fromImage(image), arm] });
    await cluster.ask('half', 'pushed');
    await cluster.until('half', 'made', says('Succeeded'));
  });

  it('is made of files, trees and units at the revision that its source has applied', async () => {
    const revision = await cluster.commit({ 'kit/tool.sh': '#!/bin/sh\n', 'kit/share/a': 'A\n', 'kit/share/sub/b': 'B\n' });
    const source = {
      files: [
        { path: '/usr/bin/kit', mode: '0755', from: 'tool.sh' },
        { path: '/opt/kit/note', content: 'by hand\n' },
      ],
      trees: [{ from: 'share', to: '/usr/share/kit' }],
      units: [{ name: 'kit.service', contents: '[Service]\n', dropIns: [{ name: '10-a.conf', contents: '[Unit]\n' }] }],
    };
    const parts = { sourceRef: { name: 'fleet', path: 'kit' }, variants: [{ platform: '_any', source }] };
    await cluster.apply('kit', parts);
    const addon = await cluster.until('kit', 'made', says('Succeeded'));
    assert.equal(first(addon).source, revision);
    const { config } = await readAddonArtifact(cluster.registry, first(addon).image ?? '');
    assert.deepEqual([config.match, config.architecture], [{ id: '_any' }, '_any']);
    const paths: string[] = [];
    const of = { repository: `${cluster.server.host}/addons/kit`, files: config.files ?? assert.fail() };
    for await (const { path, type, mode } of readFileList(cluster.registry, of))
      if (type === 'file') paths.push(`${path} ${mode.toString(8)}`);
    assert.deepEqual(paths, [
      '/opt/kit/note 644',
      '/usr/bin/kit 755',
      '/usr/lib/extension-release.d/extension-release.kit 644',
      '/usr/lib/systemd/system/kit.service 644',
      '/usr/lib/systemd/system/kit.service.d/10-a.conf 644',
      '/usr/share/kit/a 644',
      '/usr/share/kit/sub/b 644',
    ]);

    // A commit of other things names itself, and makes nothing.
    const before = pushes('kit');
    const other = await cluster.commit({ 'README.md': 'of nothing\n' });
    const same = await cluster.until('kit', 'at the other commit', a => first(a).source === other);
    assert.deepEqual([first(same).image, pushes('kit')], [first(addon).image, before]);
    const changed = await cluster.commit({ 'kit/share/a': 'another A\n' });
    const next = await cluster.until('kit', 'made anew', a => says('Succeeded')(a) && first(a).source === changed);
    assert.notEqual(first(next).digest, first(addon).digest);
    await cluster.commit({ 'kit/share/a': { mode: '120000', content: '../../../etc/passwd' } });
    const refused = await cluster.until('kit', 'refused', says('RenderFailed'));
    assert.match(messageOf(refused), /spec\.variants\[0\]\.source\.trees\[0\]\.from: "kit\/share\/a" is a symbolic link/);
    assert.equal(first(refused).image, first(next).image);
  });

  it('waits for its source, and for the Secret that it names', async () => {
    const files = [{ path: '/usr/bin/late', from: 'late' }];
    await cluster.apply('late', { sourceRef: { name: 'none', path: '.' }, variants: [{ source: { files } }] });
    const waiting = await cluster.until('late', 'waiting', says('SourceNotReady'));
    assert.match(messageOf(waiting), /SystemSource none does not exist/);
    const output = { repository: `${cluster.locked.host}/addons/secret`, pushSecretRef: { name: 'addon-push' } };
    await cluster.apply('secret', { output, variants: [{ source: { files: [{ path: '/usr/bin/a', content: 'a' }] } }] });
    const locked = await cluster.until('secret', 'without its Secret', says('SecretNotFound'));
    assert.equal(conditionOf(locked.status?.conditions, 'Reconciling')?.reason, 'SecretNotFound');
    const config = JSON.stringify({ auths: { [cluster.locked.host]: registryCredentials } });
    const data = { '.dockerconfigjson': Buffer.from(config).toString('base64') };
    const metadata = { name: 'addon-push', namespace: defaultNamespace };
    const type = 'kubernetes.io/dockerconfigjson';
    await cluster.admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', type, metadata, data });
    await cluster.ask('secret', 'now');
    await cluster.until('secret', 'made', says('Succeeded'));
    assert.ok(!running.lines.join('\n').includes(registryCredentials.password));
  });

  it('rests while it is suspended, and goes on', async () => {
    const { image } = await cluster.pushRootfs('apps/resting', { 'linux/amd64': tool('one') });
    await cluster.apply('resting', { variants: [fromImage(image)] });
    const one = await cluster.until('resting', 'made', says('Succeeded'));
    await cluster.apply('resting', { suspend: true, variants: [fromImage(image)] });
    await cluster.until('resting', 'suspended', says('Suspended'));
    await cluster.pushRootfs('apps/resting', { 'linux/amd64': tool('two') });
    await cluster.ask('resting', 'suspended all the same');
    const still = await cluster.until('resting', 'heard', says('Suspended'));
    assert.deepEqual(still.status?.variants, one.status?.variants);
    await cluster.apply('resting', { variants: [fromImage(image)] });
    await cluster.ask('resting', 'go on');
    await cluster.until('resting', 'made anew', a => says('Succeeded')(a) && first(a).image !== first(one).image);
  });

  it('has its former artifacts removed where that is asked for, but those that are kept or that a node is to run', async () => {
    const history = { successful: 1, prune: 'Images' as const, gracePeriod: '0s' };
    const made: SystemAddonStatusVariant[] = [];
    const read = (n: number) => readAddonArtifact(cluster.registry, made[n]?.image ?? '');
    for (const content of ['one', 'two', 'three', 'four']) {
      const variants = [{ os: fedora, source: { files: [{ path: '/usr/share/former', content }] } }];
      // Nothing goes before there is a node that needs the first.
      await cluster.apply('former', { variants, history: { ...history, prune: content === 'four' ? 'Images' : 'None' } });
      const is = await cluster.until('former', content, a => says('Succeeded')(a) && first(a).image !== made.at(-1)?.image);
      made.push(first(is));
      if (made.length > 1) continue;
      const { image = '', digest = '', size = 0 } = first(is);
      const addons = [{ name: 'former', image, digest, size }];
      const system = sha256('system');
      const target = { image: `${cluster.server.host}/system@${system}`, digests: [system], addons, addonSet: sha256('set') };
      const spec = { poolRef: { name: 'edge' }, state: 'Staged' as const, since: new Date().toISOString(), ...target };
      const object = {
        apiVersion: 'scantling.dev/v1alpha1' as const,
        kind: 'NodeTarget' as const,
        metadata: { name: 'former-node' },
        spec,
      };
      await cluster.admin.apply(nodetargets, object, { fieldManager: 'test' });
    }
    const left = await cluster.until('former', 'looked at', a => formerOf(a).length === 2);
    const kept = formerOf(left).map(({ image, kept }) => [image, kept]);
    assert.deepEqual(kept, [
      [made[2]?.image, 'one of the 1 newest'],
      [made[0]?.image, 'used by node former-node'],
    ]);
    await assert.rejects(read(1), NotFoundError);
    for (const i of [0, 2, 3]) await read(i);
    await until('it is told', () => told('former').includes('Normal ArtifactsPruned'));
    assert.deepEqual(told('former'), [...made.map(() => 'Normal Built'), 'Normal ArtifactsPruned']);

    // What cannot be looked up keeps everything, and so does a registry that deletes nothing; both are said.
    await cluster.admin.delete(nodetargets, 'former-node');
    const fault = cluster.proxy.fail({ resource: 'nodetargets', verb: 'list' }, { status: 403 });
    await cluster.ask('former', 'while nodes cannot be read');
    const failed = await cluster.until('former', 'kept', a => formerOf(a)[1]?.kept?.startsWith('could not be removed') === true);
    assert.equal(formerOf(failed).length, 2);
    await read(0);
    await until('that is told', () => told('former').includes('Warning PruneFailed'));
    fault.remove();
    await cluster.ask('former', 'nodes can be read');
    await cluster.until('former', 'removed', a => formerOf(a).length === 1);
    await assert.rejects(read(0), NotFoundError);
  });

  it('is gone when it is deleted, and its artifacts stay', async () => {
    const made = first(await cluster.get('tool'));
    await cluster.admin.delete(systemaddons, 'tool');
    const { items } = await cluster.admin.list(systemaddons);
    assert.ok(!items.some(({ metadata }) => metadata.name === 'tool'));
    await readAddonArtifact(cluster.registry, made.image ?? '');
  });

  it('leaves nothing behind on the disk, and takes away what was left by a process that is no more', async () => {
    const own = join(cluster.directory, 'addons');
    await until('all directories are removed', async () => {
      const [mine] = await readdir(own);
      return mine === undefined || (await readdir(join(own, mine))).length === 0;
    });
    await mkdir(join(own, '4194305-1', 'abc'), { recursive: true });
    await writeFile(join(own, '4194305-1', 'abc', 'image.raw'), 'half');
    await running.stop();
    const next = await cluster.start();
    await until('it is swept', async () => !(await readdir(own)).includes('4194305-1'));
    running.events.push(...next.events);
  });

  it('tells only events that the table has', () => {
    for (const event of running.events) assert.ok(isKnownEvent('SystemAddon', event), JSON.stringify(event));
  });
});
