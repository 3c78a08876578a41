/** The chart renders what the plain install holds, under other names too, and says what is wrong with values. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { crds } from '../cluster/manifests.ts';
import { byName, hooks, isHook, objectsOf, render } from './rendered-chart.ts';

const root = join(import.meta.dirname, '../..');
const isCrd = (object: KubeObject): boolean => object.kind === 'CustomResourceDefinition';

/** What Helm's charts have and the plain install has not. */
const helmLabels = new Set([
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
]);

function withoutHelm(object: KubeObject): KubeObject {
  const { labels = {}, annotations: { 'helm.sh/resource-policy': _keep, ...annotations } = {}, ...metadata } = object.metadata;
  const plain = Object.fromEntries(Object.entries(labels).filter(([name]) => !helmLabels.has(name)));
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(plain).length > 0 ? { labels: plain } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
}

/** A CRD but for its labels: files in crds/ have none. */
function crdOf(object: KubeObject): KubeObject {
  const { labels: _labels, ...metadata } = withoutHelm(object).metadata;
  return { ...object, metadata };
}

interface Job extends KubeObject {
  spec?: {
    activeDeadlineSeconds?: number;
    ttlSecondsAfterFinished?: number;
    selector?: object;
    template?: {
      spec: {
        affinity?: {
          podAffinity?: { preferredDuringSchedulingIgnoredDuringExecution: { podAffinityTerm: { labelSelector: object } }[] };
        };
      };
    };
  };
}

describe('the chart', () => {
  test('is the plain install when nothing is set, object by object', async () => {
    const { stdout } = await kubectl(['kustomize', join(root, 'manifests')]);
    const plain = byName(objectsOf(stdout));
    const all = await render({ namespace: { create: true } });
    // Of Helm's hooks, which the plain install has not.
    const ofHooks = 'NetworkPolicy scantling-system/scantling-hooks';
    const { [ofHooks]: policy, ...rendered } = byName(all.filter(o => !isHook(o) && !isCrd(o)).map(withoutHelm));
    assert.ok(policy);
    assert.deepEqual(Object.keys(rendered).toSorted(), Object.keys(plain).toSorted());
    for (const [name, object] of Object.entries(plain)) assert.deepEqual(rendered[name], object, name);
  });

  test('leaves the namespace to Helm unless told', async () => {
    const names = (await render()).flatMap(o => (o.kind === 'Namespace' ? [o.metadata.name] : []));
    assert.deepEqual(names, ['scantling-agents']);
  });

  test('brings the CRDs as they are, kept when it goes', async () => {
    const rendered = (await render()).filter(isCrd);
    assert.deepEqual(byName(rendered.map(crdOf)), byName(crds()));
    for (const crd of rendered) {
      assert.equal(crd.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
      assert.equal(crd.metadata.labels?.['app.kubernetes.io/managed-by'], 'Helm');
    }
    const gone = (await render({ crds: { keep: false } })).filter(isCrd);
    assert.deepEqual(byName(gone.map(crdOf)), byName(crds()));
    for (const crd of gone) assert.equal(crd.metadata.annotations?.['helm.sh/resource-policy'], undefined);
    assert.deepEqual((await render({ crds: { install: false } })).filter(isCrd), []);
  });

  test('goes into another namespace whole', async () => {
    const text = JSON.stringify((await render({}, { namespace: 'elsewhere' })).filter(o => !isCrd(o)));
    assert.doesNotMatch(text, /scantling-system/);
    assert.match(text, /system:serviceaccount:elsewhere:scantling-agent/);
  });

  test('runs its removal beside a controller, and within the time that Helm gives a hook', async () => {
    const objects = (await render(hooks)) as Job[];
    const hook = objects.find(o => o.metadata.name === 'scantling-uninstall');
    const { activeDeadlineSeconds = Infinity, template } = hook?.spec ?? {};
    const [, seconds = ''] = /"--timeout=(\d+)s"/.exec(JSON.stringify(template)) ?? [];
    assert.ok(activeDeadlineSeconds <= 270, 'less than the 300 s of Helm');
    assert.ok(Number(seconds) + 60 <= activeDeadlineSeconds, 'time for its image, the Lease and the writes');
    // What went wrong is said by Helm, and what is left of a removal that failed goes by itself.
    const { annotations } = hook?.metadata ?? {};
    assert.equal(annotations?.['helm.sh/hook-output-log-policy'], 'hook-failed');
    assert.equal(annotations['helm.sh/hook-delete-policy'], 'before-hook-creation,hook-succeeded');
    assert.equal(hook?.spec?.ttlSecondsAfterFinished, 3600);
    const controller = objects.find(o => o.kind === 'Deployment')?.spec;
    const [near] = template?.spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    assert.deepEqual(near?.podAffinityTerm.labelSelector, controller?.selector);
  });

  test('gives agents its authorities for traces, for want of which no node loses its agent', async () => {
    const tracing = { endpoint: 'https://traces.example.com' };
    for (const [caBundle, volume] of [
      [{ configMapName: 'authorities' }, '"configMap":{"name":"authorities"'],
      [{ secretName: 'authorities' }, '"secret":{"secretName":"authorities"'],
    ] as const) {
      const objects = await render({ caBundle, tracing });
      const textOf = (kind: string): string => JSON.stringify(objects.find(o => o.kind === kind));
      const [agent, controller] = [textOf('DaemonSet'), textOf('Deployment')];
      assert.ok(agent.includes(`${volume},"optional":true}`), agent);
      assert.ok(controller.includes(`${volume}}`), controller);
      for (const text of [agent, controller]) {
        assert.match(text, /"NODE_EXTRA_CA_CERTS","value":"\/etc\/scantling\/ca\/ca.crt"/);
        assert.match(text, /"name":"ca","mountPath":"\/etc\/scantling\/ca","readOnly":true/);
      }
      const without = (await render({ caBundle })).find(o => o.kind === 'DaemonSet');
      assert.doesNotMatch(JSON.stringify(without), /NODE_EXTRA_CA_CERTS|"name":"ca"/, 'the API server is trusted otherwise');
    }
  });

  test('lets the node of a single replica be drained', async () => {
    for (const replicas of [1, 2]) {
      const budget = (await render({ controller: { replicas } })).find(o => o.kind === 'PodDisruptionBudget');
      assert.match(JSON.stringify(budget), /"spec":\{"maxUnavailable":1,"unhealthyPodEvictionPolicy":"AlwaysAllow"/);
    }
    for (const maxUnavailable of [0, '0%'])
      await assert.rejects(
        render({ controller: { podDisruptionBudget: { maxUnavailable } } }),
        /podDisruptionBudget\/maxUnavailable/,
      );
  });

  test('shares no object with a second release beside it', async () => {
    const first = await render(hooks);
    const second = await render(
      {
        ...hooks,
        nameOverride: 'west',
        crds: { install: false },
        agent: { enabled: false },
        admission: { enabled: false },
        controller: { shardSelector: 'scantling.dev/shard=west' },
      },
      { release: 'west' },
    );
    const names = new Set(Object.keys(byName(first)));
    assert.deepEqual(
      Object.keys(byName(second)).filter(name => names.has(name)),
      [],
    );
    const text = JSON.stringify(second);
    assert.match(text, /--shard-selector=scantling.dev\/shard=west/);
    assert.match(text, /--lease-name=west-controller/);
    const hook = JSON.stringify(second.find(o => isHook(o) && o.metadata.name === 'west-uninstall'));
    assert.match(hook, /"helm.sh\/hook":"pre-delete"/);
    assert.match(hook, /"--lease-name=west-controller"/, 'nobody else ends what it began');
    assert.match(hook, /"serviceAccountName":"west-controller"/);
    assert.match(text, /"resourceNames":\["west-controller"\]/);
    assert.doesNotMatch(text, /"app.kubernetes.io\/name":"scantling","app.kubernetes.io\/component":"controller"/);
  });
});
