/** What nodes run is judged, also what no object names any more; of what cannot be judged that is said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import type { Condition } from '../../controller/api/meta.ts';
import type { SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { imagesInUse } from '../../controller/rollout/images-in-use.ts';
import { plan } from '../../controller/rollout/plan.ts';
import type { Verdict } from '../../controller/rollout/pool-trust.ts';
import {
  type BuiltImageView,
  type NodeTargetView,
  projectBuiltImage,
  projectSystemPool,
} from '../../controller/rollout/projection.ts';
import { statusAfter, transitionsOf } from '../../controller/rollout/status.ts';
import { trustedTarget } from '../../controller/rollout/target-trust.ts';
import type { Decision } from '../../controller/trust/judgement.ts';
import { addonSet, image, indexOf, platformOf } from './machine.ts';
import { Fleet } from './model.ts';
import { run } from './rounds.ts';

const repository = 'registry.example/os';
const [first, second, third] = [image(1), image(2), image(3)];
const inStatus = (n: number) => ({ ...image(n), digests: [...image(n).digests], revision: image(n).revision ?? '' });
const lookUpFailed = new TransientError('SignatureLookupFailed', 'the registry says 503');

/** What trust says of each image; of the others that it is trusted. */
type Says = Record<string, [Decision, reason?: string] | Error>;

/** A pool that has gone from the first release by the second to the third, which one node has not followed. */
function pool(o: {
  booted?: string;
  bootedImage?: string;
  builds?: readonly BuiltImageView[];
  says: Says;
  target?: NodeTargetView;
  /** Of the status. */
  addons?: NonNullable<SystemPoolStatus['addons']>;
  /** What the node has merged. */
  set?: string;
}) {
  const fleet = new Fleet({ nodes: 2, maxUnavailable: 2, canary: 0 });
  fleet.target = third;
  run(fleet);
  const state = fleet.state();
  const [late] = state.members;
  assert(late?.nodeTarget?.host);
  const { booted = platformOf(first), bootedImage, addons, set } = o;
  late.nodeTarget = {
    ...(o.target ?? late.nodeTarget),
    host: {
      ...late.nodeTarget.host,
      booted,
      ...(bootedImage === undefined ? {} : { bootedImage }),
      ...(set === undefined ? {} : { set }),
    },
  };
  const status: SystemPoolStatus = { target: inStatus(3), previous: inStatus(2), ...(addons ? { addons } : {}) };
  const nodeTargets = state.members.flatMap(m => m.nodeTarget ?? []);
  const buildsOf = (digest: string) => (o.builds ?? []).filter(b => b.digests.includes(digest));
  const images = imagesInUse({ pool: { name: 'pool', status }, asked: third, definition: undefined, nodeTargets, buildsOf });
  const verdicts = new Map(images.map(of => [of.image, verdictOf(of.image, o.says)]));
  const { trust } = trustedTarget({ status }, third, { images, verdicts });
  const { summary } = plan({ ...state, trust });
  const view = projectSystemPool({
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: { name: 'pool' },
    // Nothing here goes by it.
    spec: {} as Parameters<typeof projectSystemPool>[0]['spec'],
    status,
  });
  const after = statusAfter(view, summary, { now: fleet.now, handled: undefined });
  const events = transitionsOf(status, after).filter(e => e.reason === 'RunningUntrusted').length;
  const said: Condition | undefined = conditionOf(after.conditions, 'RunningUntrusted');
  return { images: images.map(i => i.image), addons: images.filter(i => i.addon), summary, said, events };
}

function verdictOf(of: string, says: Says): Verdict {
  const said = says[of] ?? ['Trusted'];
  if (said instanceof Error) return { error: said };
  const [decision, reason = decision] = said;
  return { record: { decision, reason, message: `says ${reason}`, digest: of.slice(-71), basis: 'b', signers: [] } };
}

const build = projectBuiltImage({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'ImageBuild',
  metadata: { name: 'os-1' },
  // Nothing here goes by it.
  spec: {} as Parameters<typeof projectBuiltImage>[0]['spec'],
  status: {
    image: {
      reference: first.image,
      digest: indexOf(first),
      platforms: [{ platform: 'linux/amd64', digest: platformOf(first) }],
    },
  },
});
const platform = `${repository}@${platformOf(first)}`;

const setBack: NodeTargetView = {
  ...first,
  name: 'node-000',
  uid: 'u',
  resourceVersion: '1',
  pool: 'pool',
  deleting: false,
  finalizers: [],
  image: platform,
  digests: [platformOf(first)],
  state: 'Staged',
  since: 0,
  retried: [],
};

describe('a node that runs a release from before the last one', () => {
  it('is named when the key of that release is revoked, by the build that made it', () => {
    const { summary, said, events } = pool({ builds: [build], says: { [first.image]: ['Refused', 'Revoked'] } });
    assert.deepEqual(summary.untrusted?.nodes, ['node-000']);
    assert.deepEqual([said?.status, said?.reason, events], ['True', 'Revoked', 1]);
    assert.match(said?.message ?? '', new RegExp(`node-000 runs ${first.image}`));
  });

  it('is named by the digest that its host says it pulled, where no build made it', () => {
    const { summary } = pool({ bootedImage: first.image, says: { [first.image]: ['Refused', 'Untrusted'] } });
    assert.deepEqual([summary.untrusted?.nodes, summary.unjudged], [['node-000'], undefined]);
  });

  it('is named by what is signed of its platform, where its host followed a tag', () => {
    const says: Says = { [platform]: ['Refused', 'Revoked'] };
    assert.deepEqual(pool({ bootedImage: `${repository}:1`, says }).summary.untrusted?.nodes, ['node-000']);
    const { summary } = pool({ bootedImage: `${repository}:1`, says: {} });
    assert.deepEqual([summary.untrusted, summary.unjudged], [undefined, undefined]);
  });

  it('is not asked after when it is known by the objects at hand', () => {
    for (const known of [second, third])
      assert.deepEqual(pool({ booted: platformOf(known), bootedImage: `${repository}:1`, says: {} }).images, [
        third.image,
        second.image,
      ]);
  });
});

describe('what nobody can judge', () => {
  it('is said of a platform that is not signed by itself, for its index may be', () => {
    const { summary, said, events } = pool({
      bootedImage: `${repository}:1`,
      says: { [platform]: ['Refused', 'Untrusted'] },
    });
    assert.equal(summary.untrusted, undefined);
    assert.deepEqual(summary.unjudged?.nodes, ['node-000']);
    assert.deepEqual([said?.status, said?.reason, events], ['Unknown', 'RunningUnjudged', 0]);
    assert.match(said?.message ?? '', /^nobody can say .* node-000 runs .* the index that it is of is not known/);
    assert.deepEqual(summary.outcome, pool({ says: {} }).summary.outcome, 'it holds nothing up');
  });

  it('is said of what a host runs under no name, and while signatures cannot be looked up', () => {
    const nameless = `@${platformOf(first)}`;
    const odd = `/var/image@${platformOf(first)}`;
    const noName = new StallingError('InvalidImage', 'is not host/repository');
    assert.deepEqual(pool({ says: { [nameless]: noName } }).summary.unjudged?.nodes, ['node-000']);
    assert.deepEqual(pool({ bootedImage: '/var/image', says: { [odd]: noName } }).summary.unjudged?.nodes, ['node-000']);
    const { said } = pool({ builds: [build], says: { [first.image]: lookUpFailed } });
    assert.deepEqual([said?.status, said?.reason], ['Unknown', 'RunningUnjudged']);
    assert.match(said?.message ?? '', /503/);
  });

  it('is said beside what is not trusted', () => {
    const { said } = pool({
      bootedImage: `${repository}:1`,
      says: { [platform]: lookUpFailed, [third.image]: ['Refused', 'Revoked'] },
    });
    assert.equal(said?.status, 'True');
    assert.match(said?.message ?? '', /node-001 runs .*; nobody can say .* node-000 runs/);
  });

  it('is not said while there is no policy for images', () => {
    const says: Says = { [`@${platformOf(first)}`]: new StallingError('InvalidImage', 'no') };
    for (const { image: name } of [second, third]) says[name] = ['NotConfigured'];
    assert.equal(pool({ says }).said, undefined);
  });
});

describe('what one node says of itself', () => {
  const other = 'evil.example/os';
  const forged = `${other}@${indexOf(image(9))}`;
  const lies: [of: string, lie: { booted: string; bootedImage: string }][] = [
    ['runs a bad image that has the digest of the good target', { booted: platformOf(third), bootedImage: forged }],
    ['has pulled the digest that others run', { booted: indexOf(image(9)), bootedImage: `${other}@${platformOf(third)}` }],
  ];
  for (const [of, lie] of lies) {
    it(`counts for it alone: it ${of}`, () => {
      const says: Says = { [forged]: ['Refused', 'Revoked'], [`${other}@${platformOf(third)}`]: ['Refused', 'Revoked'] };
      const { untrusted } = pool({ ...lie, says }).summary;
      assert.deepEqual(untrusted?.nodes.includes('node-001') ?? false, false);
    });
  }

  it('names it where it says that it runs what is refused, of whatever platform', () => {
    const { untrusted } = pool({
      booted: indexOf(image(9)),
      bootedImage: forged,
      says: { [forged]: ['Refused', 'Revoked'] },
    }).summary;
    assert.deepEqual(untrusted?.nodes, ['node-000']);
  });

  it('counts for it alone also when it was set back to that', () => {
    const digests = [indexOf(image(9)), platformOf(third)];
    const target: NodeTargetView = { ...setBack, image: forged, digests };
    const says: Says = { [forged]: ['Refused', 'Revoked'] };
    const { untrusted } = pool({ target, booted: indexOf(image(9)), bootedImage: forged, says }).summary;
    assert.deepEqual(untrusted?.nodes, ['node-000']);
  });
});

describe('a node that was set back to just what it runs', () => {
  it('is judged as before: by the build, else by its platform, of which nobody can say when only its index may be signed', () => {
    const says: Says = { [platform]: ['Refused', 'Untrusted'] };
    const by = (o: { builds?: readonly BuiltImageView[]; says: Says }) => pool({ target: setBack, ...o }).summary;
    assert.deepEqual(by({ says }).unjudged?.nodes, ['node-000']);
    assert.deepEqual([by({ says, builds: [build] }).unjudged, by({ says, builds: [build] }).untrusted], [undefined, undefined]);
    assert.deepEqual(by({ says: { ...says, [first.image]: ['Refused', 'Revoked'] }, builds: [build] }).untrusted?.nodes, [
      'node-000',
    ]);
  });
});

describe('an addon that nodes have from before', () => {
  const set = addonSet(1);
  assert(set);
  const [artifact = ''] = set.addons.map(of => of.image);
  const trust = { decision: 'Trusted' as const, reason: 'Trusted', message: 'by release', digest: 'd', basis: 'b', signers: [] };
  const told = {
    set: set.digest,
    nodes: 0,
    addons: set.addons.map(of => ({ name: of.name, image: of.image, from: 'pool' as const })),
  };
  const addons = { sets: [told], artifacts: [{ image: artifact, trust }] };

  it('is judged by what the status says is in its set, from what was judged before', () => {
    const { addons: found } = pool({ addons, set: set.digest, says: {} });
    assert.deepEqual(found.map(({ image, recorded }) => [image, recorded[0]?.message])[0], [artifact, 'by release']);
  });

  it('is named with its nodes when it is withdrawn, as an image is', () => {
    const says: Says = { [artifact]: ['Refused', 'Revoked'] };
    const { summary, said, events } = pool({ addons, set: set.digest, says });
    assert.deepEqual(summary.untrusted?.nodes, ['node-000']);
    assert.deepEqual([said?.status, said?.reason, events], ['True', 'Revoked', 1]);
    assert.match(said?.message ?? '', new RegExp(`node-000 runs ${artifact}`));
    // Of a part that is merged nobody knows which it is.
    const target = { ...setBack, addons: set };
    assert.deepEqual(pool({ addons, set: '', target, says }).summary.untrusted?.nodes, ['node-000']);
  });

  it("is nobody's when no node has it any more", () => {
    assert.deepEqual(pool({ addons, says: { [artifact]: ['Refused', 'Revoked'] } }).addons, []);
  });
});
