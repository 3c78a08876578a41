/** What is written of a node's target: with addons, and exactly as ever without. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeTarget } from '../../controller/api/node-target.ts';
import type { Client } from '../../controller/kube/client.ts';
import { type Acting, carryOut } from '../../controller/rollout/act.ts';
import type { Target } from '../../controller/rollout/on-host.ts';
import { type NodeTargetView, projectNodeTarget, projectSystemPool } from '../../controller/rollout/projection.ts';
import { addonSet, image } from './machine.ts';

const since = Date.parse('2026-01-01T00:00:00Z');
const pool = projectSystemPool({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemPool',
  metadata: { name: 'edge', uid: 'pool-uid' },
  spec: {
    nodeSelector: { matchLabels: { a: 'b' } },
    system: { image: image(1).image },
    suspend: false,
    rollout: {
      maxUnavailable: 1,
      maxStaging: 10,
      canary: 1,
      failureThreshold: 1,
      timeouts: { stage: '30m', drain: '30m', reboot: '15m' },
    },
    drain: { enabled: true, force: false, deleteEmptyDirData: true },
  },
});

/** The body that is sent, byte by byte. `seen`: the NodeTarget that is there. */
async function sent(target: Target, seen?: NodeTargetView): Promise<string> {
  let body = '';
  const answer = async (sentBody: object): Promise<NodeTarget> => {
    body = JSON.stringify(sentBody);
    return written({ image: target.image, digests: [...target.digests] });
  };
  const client = {
    create: async (_: object, object: object) => answer(object),
    mergePatch: async (_: object, __: string, object: object) => answer(object),
  } as Pick<Client, 'create' | 'mergePatch'> as Client;
  const stores = { wrote: () => undefined } as Partial<Acting['nodeTargets']> as Acting['nodeTargets'];
  const seenTargets = new Map(seen ? [[seen.name, seen]] : []);
  const nodes = {} as Acting['nodes'];
  const acting: Acting = { client, pool, nodes, nodeTargets: stores, seen: { nodes: new Map(), nodeTargets: seenTargets } };
  await carryOut(acting, { type: 'target', node: 'node-1', target, since });
  return body;
}

function written(spec: Partial<NodeTarget['spec']>): NodeTarget {
  const { image: reference, digests } = image(1);
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'NodeTarget',
    metadata: { name: 'node-1', uid: 'u', resourceVersion: '7' },
    spec: { poolRef: { name: 'edge' }, image: reference, digests: [...digests], state: 'Staged', since: '', ...spec },
  };
}

describe('the target of a node as it is written', () => {
  const { image: reference, digests, revision } = image(2);
  const set = addonSet(1);
  assert(set);
  const metadata = { annotations: {}, finalizers: [] };

  it('is without addons what it always was, byte by byte', async () => {
    const created = {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'NodeTarget',
      metadata: {
        name: 'node-1',
        labels: { 'scantling.dev/pool': 'edge' },
        annotations: {},
        ownerReferences: [
          { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name: 'edge', uid: 'pool-uid', controller: true },
        ],
      },
      spec: {
        poolRef: { name: 'edge' },
        image: reference,
        digests,
        state: 'Staged',
        since: '2026-01-01T00:00:00.000Z',
        revision,
      },
    };
    assert.equal(await sent(image(2)), JSON.stringify(created));
    const spec = { image: reference, digests, revision, state: 'Staged', approval: null, since: '2026-01-01T00:00:00.000Z' };
    const patch = { metadata: { resourceVersion: '7', ...metadata }, spec };
    assert.equal(await sent(image(2), projectNodeTarget(written({}))), JSON.stringify(patch));
  });

  it('names the addons and their set together, and takes both away together', async () => {
    const made = JSON.parse(await sent({ ...image(2), addons: set })) as NodeTarget;
    assert.deepEqual([made.spec.addons, made.spec.addonSet], [set.addons, set.digest]);
    const had = projectNodeTarget(written({ addons: [...set.addons], addonSet: set.digest }));
    assert.deepEqual(had.addons, set);
    const { spec } = JSON.parse(await sent(image(2), had)) as { spec: object };
    assert.deepEqual({ addons: null, addonSet: null, ...spec }, spec);
  });
});
