/** Foundations whose manifest is there still, and not all of what it names: they are made anew, and nothing is put on what is left of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Job, Pod } from '../../controller/api/core.ts';
import { findFoundation } from '../../controller/build/foundation-lookup.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { TransientError } from '../../controller/api/errors.ts';
import type { Manifest, Registry } from '../../controller/registry/registry.ts';
import { inPhase, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster, RunningController } from './build-cluster.ts';
import { baseInfo } from '../../controller/build/base.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

const amd64 = { platforms: ['linux/amd64'] };
const own = writeTar([{ path: 'usr/lib/made', mode: 0o644, bytes: new TextEncoder().encode('made') }]);
const context = (definition: string, file: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': file }], containerfile: `RUN echo ${definition} > /usr/lib/made\n` });

async function removeBlob(repository: string, digest: string): Promise<void> {
  const [host, ...path] = repository.split('/');
  const answer = await fetch(`http://${host}/v2/${path.join('/')}/blobs/${digest}`, { method: 'DELETE' });
  assert.equal(answer.status, 202);
}

const partsOf = ({ json }: Manifest): { config: string; layer: string } => {
  const { config, layers } = json as { config: { digest: string }; layers: { digest: string }[] };
  return { config: config.digest, layer: layers.at(-1)?.digest ?? '' };
};

const hasBlob: Registry['hasBlob'] = () => Promise.reject(new TransientError('RegistryUnavailable', 'answers 503'));

describe('a foundation that the registry has lost a part of', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  let running: RunningController;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    await hands.addNode('amd64');
    running = await cluster.start();
  });
  after(() => cluster?.stop());

  async function built(name: string, made: { job: Job; pod: Pod }): Promise<Manifest> {
    await hands.succeed(made, [], own);
    const { status } = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    return cluster.registry.manifest(status?.foundations?.[0]?.reference ?? '');
  }

  for (const part of ['config', 'layer'] as const) {
    test(`whose ${part} is gone is built again, and that is told`, async () => {
      const definition = `lost-${part}`;
      const repository = `${cluster.server.host}/built/${definition}`;
      const first = await cluster.ask(context(definition, 'first'), { ...amd64, repository });
      const made = await hands.next(first);
      const lost = partsOf(await built(first, made))[part];
      await removeBlob(repository, lost);
      const second = await cluster.ask(context(definition, 'second'), { ...amd64, repository });
      await built(second, await hands.next(second));
      const told = running.events.find(e => e.regarding.name === second && e.reason === 'FoundationGone');
      assert.match(
        told?.note ?? '',
        new RegExp(`no longer has ${lost} of the foundation ${repository}@sha256:.*; it is built again$`),
      );
    });
  }

  test('trouble of the registry is no absence', async () => {
    const name = await cluster.ask(context('troubled', 'first'), amd64);
    const { annotations } = (await built(name, await hands.next(name))).json as { annotations: Record<string, string> };
    const key = annotations['dev.scantling.foundation'] ?? '';
    const { platforms } = await baseInfo(cluster.registry, cluster.base, undefined, amd64);
    const [base] = platforms;
    assert.ok(base);
    const repository = `${cluster.server.host}/built/troubled`;
    const told: string[] = [];
    const gone = (message: string) => void told.push(message);
    const query = { key, base, repository, auth: undefined, environment: '', gone };
    assert.ok(await findFoundation(cluster.registry, query, []));
    await assert.rejects(findFoundation({ ...cluster.registry, hasBlob }, query, []), { reason: 'RegistryUnavailable' });
    assert.deepEqual(told, []);
  });
});
