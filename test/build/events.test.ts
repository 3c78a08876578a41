/** What people are told of builds, by the whole controller as a process of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { events, type Event } from '../../controller/api/core.ts';
import { requestedAt } from '../../controller/api/names.ts';
import { systemdefinitions, type SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { until } from '../kube/until.ts';

const fieldManager = 'test';

describe('events of builds on a real API server', () => {
  let environment: Environment;
  before(async () => {
    environment = await startEnvironment({ nodes: 0, workloads: false });
  });
  after(() => environment.stop());

  async function define(name: string, spec: object, annotations: Record<string, string> = {}): Promise<void> {
    const { registry, base, admin } = environment;
    const whole = {
      base: { image: base.image },
      output: { repository: `${registry.host}/built/${name}` },
      ...spec,
    } as SystemDefinitionSpec;
    await admin.apply(
      systemdefinitions,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name, annotations }, spec: whole },
      { fieldManager },
    );
  }

  const ready = (name: string, status: string, reason: string) =>
    until(`${name} is ${status} ${reason}`, async () => {
      const { conditions } = (await environment.admin.get(systemdefinitions, name)).status ?? {};
      const found = conditionOf(conditions, 'Ready');
      return found?.status === status && found.reason === reason;
    });

  /** Type, reason and times of every event about the definition, and about its builds, oldest first. */
  async function told(name: string): Promise<{ definition: string[]; builds: string[] }> {
    const { items } = await environment.admin.list(events);
    const sorted = items.toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1));
    const of = (mine: (regarding: Event['regarding']) => boolean): string[] =>
      sorted.filter(e => mine(e.regarding)).map(e => `${e.type} ${e.reason}${e.series ? ` x${e.series.count}` : ''}`);
    return {
      definition: of(({ kind, name: of }) => kind === 'SystemDefinition' && of === name),
      builds: of(({ kind, name: of }) => kind === 'ImageBuild' && of.startsWith(`${name}-`)),
    };
  }

  /** Lets the controller write what it has to say, and starts it again. */
  async function restart(): Promise<void> {
    await environment.controller.stop();
    await environment.controller.start();
  }

  test('one for each transition of a build that succeeds, and none when the controller starts again', async () => {
    await define('good', { files: [{ path: '/etc/motd', content: 'hello\n' }] });
    await ready('good', 'True', 'Succeeded');
    await restart();
    const [definition, builds] = [
      ['Normal BuildRequested', 'Normal Succeeded'],
      ['Normal BuildStarted', 'Normal Succeeded'],
    ];
    assert.deepEqual(await told('good'), { definition, builds });
    // What the new process would say of the first, it has said when it has told of the second.
    await define('good', { files: [{ path: '/etc/motd', content: 'hello again\n' }] });
    await until('the second is told of', async () => (await told('good')).definition.length >= 4);
    await restart();
    assert.deepEqual(await told('good'), { definition: [...definition, ...definition], builds: [...builds, ...builds] });
  });

  test('one for each transition of a build that fails, and of every further try', async () => {
    const spec = { containerfile: { inline: 'RUN true\n' }, platforms: ['linux/arm64'] };
    await define('bad', spec);
    await ready('bad', 'False', 'BuildFailed');
    await restart();
    const first = {
      definition: ['Normal BuildRequested', 'Warning BuildFailed'],
      builds: ['Normal BuildStarted', 'Warning PlatformUnsupported'],
    };
    assert.deepEqual(await told('bad'), first);
    await define('bad', spec, { [requestedAt]: 'again' });
    await until('it was tried again', async () => (await told('bad')).builds.length >= 4);
    await restart();
    // Of another process, so they are no series.
    assert.deepEqual((await told('bad')).builds, [...first.builds, ...first.builds]);
  });
});
