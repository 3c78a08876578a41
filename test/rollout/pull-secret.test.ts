/** Which credentials a pool's nodes get, and which nodes get others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../controller/api/core.ts';
import { plan } from '../../controller/rollout/plan.ts';
import { copyOf, credentialsIn, isCopy, narrowed, pulledBeside, saysTheSame } from '../../controller/rollout/pull-secret.ts';
import { formatDockerConfig } from '../../controller/registry/credentials.ts';
import { advance } from '../../controller/rollout/actions.ts';
import type { PoolState } from '../../controller/rollout/pool-state.ts';
import { addonSet, image, timeouts } from './machine.ts';

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
const secret = (auths: object, type = 'kubernetes.io/dockerconfigjson'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', uid: 'u', labels: { 'scantling.dev/pool': 'workers' } },
  type,
  data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
});
const target = image(1).image;
const reads = (of: Secret) => credentialsIn(of, 'Secret a/s');
const keysOf = (auths: object, others: string[] = []): string[] => [
  ...narrowed(credentialsIn(secret(auths), 'Secret a/s'), { target, others }, 'Secret a/s').auths.keys(),
];

describe('the credentials of a pool', () => {
  it('are those for its image and for the images of its workloads', () => {
    const all = {
      'https://registry.example/v2/': auth('a:a'),
      'registry.example/os': auth('b:b'),
      'git.example': auth('c:c'),
      '*.example.com': auth('d:d'),
    };
    assert.deepEqual(keysOf(all), ['registry.example/os']);
    assert.deepEqual(keysOf(all, ['ghcr.example.com/db:1', 'open.example/x:1']), ['registry.example/os', 'ghcr.example.com']);
    assert.deepEqual(keysOf({ 'https://registry.example/v2/': auth('a:a') }), ['registry.example']);
  });

  it('are those for the artifacts of addons too, each repository once, whatever their digests are', () => {
    const sets = [addonSet(1), addonSet(2), addonSet(1)].flatMap(set => set ?? []);
    const others = pulledBeside(['ghcr.example.com/db:1'], sets);
    const addons = ['registry.example/addon-1', 'registry.example/addon-2', 'registry.example/addon-3'];
    assert.deepEqual(others, ['ghcr.example.com/db:1', ...addons]);
    assert.deepEqual(pulledBeside(['ghcr.example.com/db:1'], sets.toReversed()), others);
    const all = {
      'registry.example/os': auth('a:a'),
      'registry.example/addon-2': auth('b:b'),
      'registry.example/addon-4': auth('c:c'),
    };
    assert.deepEqual(keysOf(all, others), ['registry.example/os', 'registry.example/addon-2']);
  });

  it('are refused, by what is wrong, where they are none for the image, of another type, or no JSON', () => {
    assert.throws(() => keysOf({ 'git.example': auth('c:c') }), /Secret a\/s has no credentials for registry\.example\/os/);
    assert.throws(() => reads(secret({}, 'Opaque')), /Secret a\/s is of type Opaque; pull credentials are of type/);
    assert.throws(() => reads({ ...secret({}), data: {} }), /Secret a\/s: \.dockerconfigjson is not JSON/);
  });

  it('are written as they were read', () => {
    const config = credentialsIn(secret({ b: auth('u:p:w'), a: { ...auth('t:x'), identitytoken: 'tok' } }), 's');
    const again = credentialsIn(
      { ...secret({}), data: { '.dockerconfigjson': Buffer.from(formatDockerConfig(config)).toString('base64') } },
      's',
    );
    assert.deepEqual(again.auths, new Map([...config.auths].toReversed()));
  });

  it('are copied anew when they or their owner are others', () => {
    const config = credentialsIn(secret({ 'registry.example': auth('a:a') }), 's');
    const wanted = copyOf({ name: 'workers', uid: 'pool' }, 'agents', config);
    const { ownerReferences = [] } = wanted.metadata;
    const found = {
      ...secret({}),
      data: { ...wanted.data } as Record<string, string>,
      metadata: { name: 's', ownerReferences: ownerReferences as [] },
    };
    assert(saysTheSame(found, wanted));
    assert(!saysTheSame(found, copyOf({ name: 'workers', uid: 'later' }, 'agents', config)));
    assert(!saysTheSame({ ...found, data: { ...found.data, more: '' } }, wanted));
    assert(isCopy(secret({}), 'workers'));
    assert(!isCopy(secret({}), 'others'));
    assert(!isCopy(secret({}, 'Opaque'), 'workers'));
  });
});

const now = Date.parse('2026-01-01T12:00:00Z');
const second = { name: 'pool-p', revision: '2' };

/** One node that was given image 1 with revision 1 of the Secret `ago` ms ago. */
function state(more: { ago?: number; staged?: boolean; frozen?: boolean; pullSecret?: PoolState['pullSecret'] }): PoolState {
  const digests = image(1).digests;
  const host = { canLock: true, reportedAt: now, failures: [], bootID: 'b', booted: 'sha256:old' };
  const staged = more.staged ? { staged: { digest: digests[1] ?? '', locked: true } } : {};
  return {
    pool: 'p',
    now,
    maxUnavailable: 1,
    maxStaging: 1,
    canary: 0,
    failureThreshold: 1,
    timeouts,
    drain: false,
    target: image(1),
    retry: false,
    refused: [],
    trust: { refused: [] },
    departed: [],
    drains: {},
    ...(more.frozen ? { frozen: { reason: 'SecretNotFound', message: '' } } : {}),
    ...(more.pullSecret ? { pullSecret: more.pullSecret } : {}),
    members: [
      {
        conflicts: [],
        node: {
          name: 'n',
          uid: 'n',
          resourceVersion: '1',
          ready: true,
          readySince: 0,
          unschedulable: false,
          labels: {},
          bootID: 'b',
        },
        nodeTarget: {
          name: 'n',
          uid: 't',
          resourceVersion: '1',
          pool: 'p',
          deleting: false,
          finalizers: [],
          ...image(1),
          state: 'Staged',
          since: now - (more.ago ?? 1000),
          retried: [],
          pullSecret: { name: 'pool-p', revision: '1' },
          host: { ...host, ...staged },
        },
      },
    ],
  };
}
const targetsOf = (pool: PoolState) => plan(pool).actions.filter(a => a.type === 'target');

describe('other credentials', () => {
  it('go to a node that still pulls, and to one that could not in time, once', () => {
    for (const ago of [1000, timeouts.stage + 1000]) {
      const pool = state({ ago, pullSecret: second });
      const [action, ...more] = targetsOf(pool);
      assert(action && more.length === 0);
      assert.deepEqual(action.pullSecret, second);
      assert.equal(action.since, now);
      const [member] = pool.members;
      assert(member);
      assert.deepEqual(targetsOf({ ...pool, members: [advance(member, action, 'p')] }), []);
    }
  });
  it('are taken back with pullSecretRef', () => {
    const [action] = targetsOf(state({}));
    assert(action && action.pullSecret === undefined);
  });
  it('wait for the next target where the image is staged, and for the Secret where that is missing', () => {
    assert.deepEqual(targetsOf(state({ staged: true, pullSecret: second })), []);
    assert.deepEqual(targetsOf(state({ frozen: true, pullSecret: second })), []);
  });
});
