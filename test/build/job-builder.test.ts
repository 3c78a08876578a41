/** Foundations in pods on a real node: what comes out, and what a build says of all that can happen to its pod. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../../controller/api/core.ts';
import type { ImageBuild } from '../../controller/api/image-build.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import { inPhase, ready, startJobCluster, type JobCluster } from './job-cluster.ts';

const secret = 'correct-horse-battery-staple';

describe('a foundation', { skip: withoutRealNode(podImageNeeds) }, () => {
  let cluster: JobCluster;
  before(async () => {
    cluster = await startJobCluster();
  });
  after(() => cluster?.stop());

  /** Bytes of a layer, not compressed, as text. */
  async function layersOf(build: ImageBuild): Promise<string[]> {
    const { server, registry } = cluster;
    const repository = `${server.host}/systems/${build.spec.definitionRef.name}`;
    const digest = build.status?.image?.platforms?.[0]?.digest ?? '';
    const { layers } = (await registry.manifest(`${repository}@${digest}`)).json as { layers: Descriptor[] };
    return Promise.all(
      layers.map(async layer => {
        const bytes = Buffer.from(await registry.blob(repository, layer.digest));
        return (layer.mediaType.endsWith('gzip') ? gunzipSync(bytes) : bytes).toString('latin1');
      }),
    );
  }

  const stepRuns = async (build: ImageBuild): Promise<boolean> => {
    const [pod] = await cluster.podsOf(build);
    return pod?.status?.phase === 'Running' && /^STEP \d+\/\d+: RUN/m.test(await cluster.logOf(pod));
  };

  // What they wait for is mostly time: grace periods, deadlines, sleeps.
  describe('beside others', { concurrency: 3 }, () => {
    test('is built by buildah in a pod, with its secret, and files of the definition are put on top without one', async () => {
      await cluster.secret('build-secrets', { token: secret });
      const steps = {
        containerfile: {
          inline:
            'RUN --mount=type=secret,id=token cat /run/secrets/token | { read t; [ "$t" ] || exit 9; echo "got $t"; } && echo made > /etc/made\n',
        },
        build: { secrets: [{ id: 'token', secretRef: { name: 'build-secrets', key: 'token' } }] },
      };
      await cluster.define('whole', { ...steps, files: [motd('hello')] });
      const build = await cluster.becomes('whole', 'done', inPhase('Succeeded', 'Failed'));
      assert.equal(build.status?.phase, 'Succeeded', JSON.stringify(build.status));
      const layers = await layersOf(build);
      assert.ok(layers.some(layer => layer.includes('etc/made')));
      assert.ok(layers.some(layer => layer.includes('etc/motd')));
      assert.ok(!layers.some(layer => layer.includes(secret)), 'no layer has the secret');

      const [pod] = await cluster.podsOf(build);
      const all = JSON.stringify([pod, await cluster.jobsOf(build), build]);
      assert.ok(!all.includes(secret) && !all.includes(Buffer.from(secret).toString('base64')), 'no object has the secret');
      assert.equal(podSpec(pod).serviceAccountName, 'scantling-builder');
      assert.deepEqual(
        podSpec(pod).containers[0]?.volumeMounts.filter(mount => mount.mountPath.includes('serviceaccount')),
        [],
        'no token is mounted',
      );
      const log = await cluster.logOf(pod);
      assert.match(log, /got \[masked\]/, 'what a step says of a secret is masked');
      assert.ok(!log.includes(secret));

      await cluster.define('whole', { ...steps, files: [motd('hello again')] });
      const again = await cluster.becomes(
        'whole',
        'done again',
        b => b.metadata.name !== build.metadata.name && inPhase('Succeeded')(b),
      );
      assert.deepEqual(await cluster.jobsOf(again), [], 'a change of files runs no pod');
    });

    test('that fails says which step, its exit code and its last lines, of 100 MB of them', async () => {
      const line = 'x'.repeat(990);
      const inline = `RUN echo fine\nRUN i=0; while [ $i -lt 100000 ]; do echo "$i ${line}"; i=$((i+1)); done; echo the end; sleep 0.3; exit 3\n`;
      await cluster.define('loud', { containerfile: { inline } });
      const build = await cluster.becomes('loud', 'failed once', failedOnce);
      const { failure } = build.status ?? {};
      assert.equal(failure?.exitCode, 3);
      assert.equal(failure?.stepNumber, 3);
      assert.match(failure?.step ?? '', /^3\/3: RUN i=0/);
      const log = failure?.log ?? [];
      assert.ok(log.includes('the end') && log.some(text => /^99999 x+/.test(text)), log.join('\n'));
      assert.match(failure?.job ?? '', /^loud-[0-9a-f]{10}-/);
      assert.match(failure?.pod ?? '', /^loud-/);
      assert.equal(ready(build).reason, 'BuildFailed');
    });

    test('that needs more memory than its limit is OOMKilled', async () => {
      await cluster.define('greedy', {
        containerfile: { inline: 'RUN x=0123456789; while :; do x=$x$x; done\n' },
        build: { resources: { limits: { memory: '400Mi' } } },
      });
      const build = await cluster.becomes('greedy', 'failed once', failedOnce);
      assert.equal(build.status?.failure?.reason, 'OOMKilled');
      assert.match(build.status?.failure?.message ?? '', /build\.resources\.limits\.memory/);
      assert.equal(ready(build).reason, 'BuildFailed');
    });

    test('that never ends is ended after its timeout', async () => {
      await cluster.define('endless', { containerfile: { inline: 'RUN echo begun; sleep 100000\n' }, build: { timeout: '30s' } });
      const build = await cluster.becomes('endless', 'failed once', failedOnce);
      assert.match(build.status?.failure?.message ?? '', /not done after 30 s/);
      assert.match(build.status?.failure?.step ?? '', /^2\/2: RUN echo begun/);
      assert.ok(build.status?.failure?.log?.includes('begun'));
    });

    test('whose secret is missing waits for it without a pod, and goes on when it is there', async () => {
      await cluster.define('secretive', {
        containerfile: { inline: 'RUN --mount=type=secret,id=key cat /run/secrets/key > /dev/null\n' },
        build: { secrets: [{ id: 'key', secretRef: { name: 'late', key: 'key' } }] },
      });
      const waiting = await cluster.becomes('secretive', 'waiting', b => ready(b).reason === 'SecretNotFound');
      assert.match(ready(waiting).message, /late/);
      assert.deepEqual(await cluster.jobsOf(waiting), []);
      await cluster.secret('late', { key: 'value' });
      await cluster.becomes('secretive', 'done', inPhase('Succeeded'));
    });

    test('whose pod no node can take says why, in the words of the scheduler', async () => {
      const containerfile = { inline: 'RUN echo placed > /etc/placed\n' };
      await cluster.define('homeless', { containerfile, build: { nodeSelector: { disk: 'golden' } } });
      const build = await cluster.becomes('homeless', 'unschedulable', b => ready(b).reason === 'Unschedulable');
      assert.match(ready(build).message, /0\/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity\/selector/);
      await cluster.define('large', {
        containerfile: { inline: 'RUN echo large > /etc/large\n' },
        build: { resources: { requests: { cpu: '1000' } } },
      });
      const large = await cluster.becomes('large', 'unschedulable', b => ready(b).reason === 'Unschedulable');
      assert.match(ready(large).message, /0\/2 nodes are available: 1 Insufficient cpu/);
    });

    test('whose Job is deleted by hand is built by another, within the same attempt', async () => {
      await cluster.define('deleted', { containerfile: { inline: 'RUN sleep 5; echo done > /etc/done\n' } });
      const running = await cluster.becomes('deleted', 'running', stepRuns);
      const [job] = await cluster.jobsOf(running);
      assert.ok(job);
      await cluster.deleteJob(job);
      const build = await cluster.becomes('deleted', 'done', inPhase('Succeeded'));
      const [other] = await cluster.jobsOf(build);
      assert.notEqual(other?.metadata.uid, job.metadata.uid);
      assert.equal(other?.metadata.name, job.metadata.name);
    });

    test('whose pod is evicted, as when its node is drained, is made again', async () => {
      await cluster.define('evicted', { containerfile: { inline: 'RUN sleep 5; echo evicted > /etc/done\n' } });
      const running = await cluster.becomes('evicted', 'running', stepRuns);
      const [pod] = await cluster.podsOf(running);
      assert.ok(pod);
      await cluster.admin.evict({ name: pod.metadata.name, namespace: pod.metadata.namespace ?? '' });
      const lost = await cluster.becomes('evicted', 'evicted', b => ready(b).reason === 'Evicted');
      assert.match(ready(lost).message, /Eviction API: evicting/);
      const build = await cluster.becomes('evicted', 'done', inPhase('Succeeded'));
      assert.ok(!(await cluster.podsOf(build)).some(({ metadata }) => metadata.uid === pod.metadata.uid));
      assert.equal(build.status?.attempts, 1);
    });
  });

  test('whose node is lost is built again when there is one', async () => {
    await cluster.define('stranded', { containerfile: { inline: 'RUN sleep 20; echo stranded > /etc/done\n' } });
    await cluster.becomes('stranded', 'running', stepRuns);
    await cluster.node.stopKubelet();
    const lost = await cluster.becomes('stranded', 'lost', b => ready(b).reason === 'NodeLost');
    await cluster.node.startKubelet();
    assert.match(ready(lost).message, /the pod was lost with its node real: Taint manager: deleting due to NoExecute taint/);
    await cluster.becomes('stranded', 'done', inPhase('Succeeded'));
  });

  test('whose builder image cannot be pulled says which and why', async () => {
    await cluster.restartController([`--builder-image=${cluster.server.host}/none/builder:1`]);
    await cluster.define('imageless', { containerfile: { inline: 'RUN echo imageless > /etc/done\n' } });
    const build = await cluster.becomes('imageless', 'no image', b => /^(ErrImagePull|ImagePullBackOff)$/.test(ready(b).reason));
    assert.match(ready(build).message, /none\/builder:1/);
    await cluster.restartController();
  });
});

const motd = (text: string) => ({ path: '/etc/motd', content: `${text}\n`, mode: '0644' });

const failedOnce = (build: ImageBuild): boolean => build.status?.failure !== undefined;

interface PodSpec {
  serviceAccountName: string;
  containers: { volumeMounts: { mountPath: string }[] }[];
}

function podSpec(pod: Pod | undefined): PodSpec {
  assert.ok(pod?.spec);
  return pod.spec as Pod['spec'] & PodSpec;
}
