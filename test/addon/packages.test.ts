/** Packages as the source of addons: the whole controller, real apt in real buildah, a registry and an API server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readAddonArtifact } from '../../controller/addon/push-image.ts';
import { readFileList } from '../../controller/addon/read-file-list.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { type ImageBuild, imagebuilds } from '../../controller/api/image-build.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { requestedAt } from '../../controller/api/names.ts';
import { type SystemAddon, type SystemAddonStatusVariant, systemaddons } from '../../controller/api/system-addon.ts';
import { type SystemDefinition, systemdefinitions } from '../../controller/api/system-definition.ts';
import { findBuild } from '../../controller/cli/find-build.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { composeReconcilers } from '../../controller/compose-reconcilers.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { createClient } from '../../controller/kube/client.ts';
import { EventRecorder } from '../../controller/kube/events.ts';
import { ClockWatch } from '../../controller/preconditions/clock.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { pushBase, withoutBuildah } from '../build/build-fixture.ts';
import { type BuildServers, startBuildServers } from '../build/build-servers.ts';
import { platform } from '../build/foundation-fixture.ts';
import { aptBaseLayer, withoutApt } from '../cluster/apt-base.ts';
import { type AptRepository, startAptRepository } from '../cluster/apt-repository.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { until } from '../kube/until.ts';
import { messageOf, says } from './addon-cluster.ts';

const debian = { id: 'debian', versionId: '12' };
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

const first = ({ status }: SystemAddon): SystemAddonStatusVariant => status?.variants?.[0] ?? assert.fail();

/** For packages that a real manager installs, on a machine that has other things to do as well. */
const installMs = 180_000;

describe('an addon of packages', { skip: withoutBuildah() || withoutApt() }, () => {
  let servers: BuildServers;
  let apt: AptRepository;
  let controller: Awaited<ReturnType<typeof startController>>;
  let base: string;

  before(async () => {
    servers = await startBuildServers();
    apt = await startAptRepository([
      {
        name: 'greeter',
        version: '1.0',
        files: {
          'usr/bin/greet': '#!/bin/sh\necho hello\n',
          'usr/share/info/dir': 'a list of this system\n',
          'etc/greeter.conf': 'a=b\n',
          'var/lib/greeter/state': 'of this system\n',
        },
      },
      { name: 'remover', version: '1.0', files: { 'usr/bin/new': 'new\n', 'DEBIAN/postinst': '#!/bin/sh\nrm /usr/bin/comm\n' } },
    ]);
    base = await pushSystem();
    controller = await startController();
  });
  after(async () => {
    apt.release();
    await controller.stop();
    await apt.stop();
    await servers.stop();
  });

  /** The system under its tag; other content is another digest. */
  async function pushSystem(content = 'first'): Promise<string> {
    const release = [
      { path: 'usr/lib/os-release', mode: 0o644, bytes: text('ID=debian\nVERSION_ID=12\n') },
      { path: 'usr/share/system', mode: 0o644, bytes: text(content) },
    ];
    const layers = [aptBaseLayer(), writeTar(release)];
    const architecture = platform.slice('linux/'.length);
    const repository = `${servers.server.host}/base/debian`;
    await pushBase(servers.registry, repository, { layers, architecture, tag: '12' });
    return `${repository}:12`;
  }

  async function startController(): Promise<{ stop(): Promise<void>; kill(): Promise<void> }> {
    const { transport, server } = servers;
    const directory = temporaryDirectory('packages');
    const args = ['--builders=process', `--insecure-registries=${server.host}`, `--build-directory=${directory}`];
    const log = createLog('silent');
    const caches = new Caches({ transport, log });
    const client = createClient(transport);
    const events = new EventRecorder({ client, log, controller: 'test', instance: 'test' });
    const { config } = parseCommandLine('controller', args);
    const reconcilers = composeReconcilers(config, {
      client,
      events,
      caches,
      log,
      now: Date.now,
      clock: new ClockWatch(),
    });
    caches.start();
    await caches.synced();
    const { controllers } = reconcilers;
    for (const each of controllers) each.start();
    const end = async (): Promise<void> => {
      await caches.stop();
      await events.flush();
      await reconcilers.stop();
    };
    return {
      stop: async () => {
        await Promise.all(controllers.map(each => each.stop(0)));
        await end();
      },
      kill: async () => {
        await end();
        for (const each of controllers) void each.stop(0);
      },
    };
  }

  const packagesOf = (install: readonly string[], more: object = {}): object => ({
    base: { image: base },
    manager: 'apt',
    install,
    repositories: [{ name: 'tools', url: apt.url, gpgCheck: false }],
    ...more,
  });
  const apply = async (name: string, variants: readonly object[], more: object = {}): Promise<void> => {
    const output = { repository: `${servers.server.host}/addons/${name}` };
    const spec = { output, variants: variants.map(variant => ({ platform, os: debian, ...variant })), ...more };
    const object: KubeObject & { spec: object } = {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemAddon',
      metadata: { name },
      spec,
    };
    await servers.admin.apply(systemaddons, object, { fieldManager: 'test' });
  };
  const becomes = async (name: string, what: string, holds: (addon: SystemAddon) => boolean): Promise<SystemAddon> => {
    let addon: SystemAddon | undefined;
    await until(
      `${name}: ${what}`,
      async () => {
        addon = await servers.admin.get(systemaddons, name);
        return holds(addon);
      },
      installMs,
    ).catch((error: unknown) => {
      throw new Error(`${name} is ${JSON.stringify(addon?.status)}`, { cause: error });
    });
    return addon ?? assert.fail();
  };
  const ask = (name: string, value: string): Promise<SystemAddon> =>
    servers.admin.mergePatch(
      systemaddons,
      name,
      { metadata: { annotations: { [requestedAt]: value } } },
      { fieldManager: 'test' },
    );
  const definitionsOf = async (addon: string): Promise<SystemDefinition[]> =>
    (await servers.admin.list(systemdefinitions)).items.filter(d => d.metadata.ownerReferences?.some(o => o.name === addon));
  /** What the first test made, for those after it, which have nothing to go on without. */
  const installed = async (): Promise<SystemAddonStatusVariant> => {
    const { items } = await servers.admin.list(systemaddons);
    const variant = items.find(({ metadata }) => metadata.name === 'greeter')?.status?.variants?.[0];
    assert.ok(variant?.image && variant.source, 'the first test of this file, which failed, makes the addon greeter');
    return variant;
  };
  const buildsOf = async (addon: string): Promise<ImageBuild[]> => {
    const names = (await definitionsOf(addon)).map(({ metadata }) => metadata.name);
    return (await servers.admin.list(imagebuilds)).items.filter(build => names.includes(build.spec.definitionRef.name));
  };
  const filesOf = async (image: string): Promise<string[]> => {
    const repository = image.slice(0, image.lastIndexOf('@'));
    const { config } = await readAddonArtifact(servers.registry, image);
    assert.ok(config.files);
    const paths = [];
    for await (const { path, type } of readFileList(servers.registry, { repository, files: config.files }))
      if (type === 'file') paths.push(path);
    return paths;
  };

  it('has what they add to the base, with files over it, also when the controller ends in the middle', async () => {
    const files = [{ path: '/usr/share/greeter/word', content: 'hello\n' }];
    apt.hold('greeter_');
    // Whatever fails meanwhile, the tests after this one have packages and a controller.
    try {
      await apply('greeter', [{ source: { packages: packagesOf(['greeter']), files } }], { services: ['greet.service'] });
      // The step that stands still; those before it pass in a moment.
      const waits = await becomes('greeter', 'being installed', a => /is running: step \S+ RUN/.test(messageOf(a)));
      assert.match(
        messageOf(waits),
        /SystemDefinition greeter-packages-[0-9a-f]{8}: ImageBuild greeter-packages-.* is building: attempt 1 is running: step .*RUN/,
      );
      assert.equal(conditionOf(waits.status?.conditions, 'Ready')?.reason, 'PackagesBuilding');
      assert.equal(conditionOf(waits.status?.conditions, 'Reconciling')?.status, 'True');
    } finally {
      await controller.kill();
      apt.release();
      controller = await startController();
    }
    const made = await becomes('greeter', 'made', says('Succeeded'));
    assert.deepEqual(await filesOf(first(made).image ?? ''), [
      '/usr/bin/greet',
      '/usr/lib/extension-release.d/extension-release.greeter',
      '/usr/share/greeter/word',
    ]);
    const [definition, ...others] = await definitionsOf('greeter');
    assert.deepEqual(others, []);
    assert.equal(first(made).source, definition?.status?.image);
    assert.equal((await buildsOf('greeter')).length, 1);
    // A person finds the output of the steps by the addon's name.
    const { metadata } = await findBuild(servers.admin, 'greeter');
    assert.equal(metadata.name, definition?.status?.latestBuild);
  });

  it('is not built again while all is the same, and is when the base is another', async () => {
    const before = await installed();
    await ask('greeter', 'the same');
    const same = await becomes('greeter', 'looked at', says('Succeeded'));
    assert.deepEqual(first(same), before);
    assert.equal((await buildsOf('greeter')).length, 1);
    await pushSystem('second');
    await ask('greeter', 'another base');
    const next = await becomes('greeter', 'built anew', a => says('Succeeded')(a) && first(a).source !== before.source);
    assert.equal((await buildsOf('greeter')).length, 2);
    // The packages add what they did, so nodes have nothing to do.
    assert.equal(first(next).image, before.image);
  });

  it('says why packages cannot be an addon', async () => {
    await apply('absent', [{ source: { packages: packagesOf(['nosuch']) } }]);
    await apply('remover', [{ source: { packages: packagesOf(['remover']) } }]);
    await apply('other', [{ os: { id: 'debian', versionId: '13' }, source: { packages: packagesOf(['greeter']) } }]);
    const absent = await becomes('absent', 'failing', a => messageOf(a).includes('nosuch'));
    assert.match(messageOf(absent), /SystemDefinition absent-packages-.*step .*: E: Unable to locate package nosuch/s);
    const remover = await becomes('remover', 'refused', says('ContentRefused'));
    assert.match(messageOf(remover), /"\/usr\/bin\/comm" is taken away from the base, which an addon cannot do/);
    const other = await becomes('other', 'refused', says('BaseMismatch'));
    assert.match(messageOf(other), /is debian 12, whose hosts would not take the variant linux\/\w+ for debian 13/);
  });

  it('can be an image that somebody built from the base', async () => {
    const { source = '' } = await installed();
    const image = { reference: source, over: base };
    await apply('own', [{ source: { image } }]);
    const made = await becomes('own', 'made', says('Succeeded'));
    assert.deepEqual(await filesOf(first(made).image ?? ''), [
      '/usr/bin/greet',
      '/usr/lib/extension-release.d/extension-release.own',
    ]);
    const swapped = { reference: base, over: source };
    await apply('own', [{ source: { image: swapped } }]);
    const refused = await becomes('own', 'refused', says('BaseMismatch'));
    assert.match(messageOf(refused), /is not built from .*layer 3 of 3 of that is another/);
    assert.equal(first(refused).image, first(made).image);
  });

  it('rests with the addon, and is taken away with its variant', async () => {
    await installed();
    const suspended = async (): Promise<boolean | undefined> => (await definitionsOf('greeter'))[0]?.spec.build.suspend;
    const variant = { source: { packages: packagesOf(['greeter']) } };
    await apply('greeter', [variant], { suspend: true });
    await becomes('greeter', 'suspended', says('Suspended'));
    assert.equal(await suspended(), true);
    await apply('greeter', [variant], { suspend: false });
    await becomes('greeter', 'made without the file', says('Succeeded'));
    assert.equal(await suspended(), false);
    await apply('greeter', [{ source: { files: [{ path: '/usr/share/greeter/word', content: 'hello\n' }] } }]);
    await becomes('greeter', 'made of the file', says('Succeeded'));
    assert.deepEqual(await definitionsOf('greeter'), []);
  });
});
