/** The status of an addon, its events, and whether a variant is made: pure. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type News,
  artifactOf,
  needsOf,
  newsOf as newsSince,
  presentOutcome,
  presentStatus,
  suspendedStatus,
} from '../../controller/addon/status.ts';
import type { Present, VariantState } from '../../controller/addon/status.ts';
import { offerOf } from '../../controller/addon/choice.ts';
import { type VariantFacts, variantStep } from '../../controller/addon/next-step.ts';
import { variantKey } from '../../controller/addon/variant-key.ts';
import { variantName } from '../../controller/addon/variant.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { SystemAddon, SystemAddonSpecVariant, SystemAddonStatus } from '../../controller/api/system-addon.ts';

/** Of a pass; of one write, where that is all of it. */
const newsOf = (
  before: SystemAddonStatus | undefined,
  after: SystemAddonStatus,
  ...began: (SystemAddonStatus | undefined)[]
): News[] => newsSince(before, after, began.length > 0 ? began[0] : before);

const now = new Date('2026-11-23T12:00:00Z');

const variantOf = (id: string, platform: SystemAddonSpecVariant['platform'] = 'linux/amd64'): SystemAddonSpecVariant => ({
  platform,
  os: { id },
  source: { files: [{ path: '/usr/bin/tool', mode: '0755', content: '#!/bin/sh\n' }] },
});

const addonOf = (variants: SystemAddonSpecVariant[], status?: SystemAddonStatus): SystemAddon => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemAddon',
  metadata: { name: 'tool', generation: 3, uid: 'u' },
  spec: {
    suspend: false,
    variants,
    allowSetuid: false,
    output: { repository: 'registry.example/addons/tool' },
    interval: '10m',
    history: { successful: 5, prune: 'None', gracePeriod: '24h' },
  },
  ...(status ? { status } : {}),
});

const made = (n: number): VariantState & { kind: 'Good' } => ({
  kind: 'Good',
  artifact: {
    image: `registry.example/addons/tool@sha256:${String(n).repeat(64)}`,
    digest: `sha256:${'d'.repeat(64)}`,
    size: 4096,
    inputs: `sha256:${String(n).repeat(64)}`,
  },
});
const failed = (error: unknown, artifact: VariantState['artifact'] = {}): VariantState => ({ kind: 'Failed', artifact, error });
const present = (states: VariantState[], more: Partial<Present> = {}): Present => ({
  states,
  lookupsFailed: [],
  unsure: false,
  ...more,
});

const stalled = new StallingError('ContentRefused', '/etc/passwd: is outside /usr and /opt');
const transient = new TransientError('RegistryUnavailable', 'registry.example: no answer', { retryAfterMs: 7_000 });
const waiting = new WaitingError('SecretNotFound', 'Secret x not found', 30_000);

describe('the status of an addon', () => {
  it('is Ready when every variant is made', () => {
    const addon = addonOf([variantOf('fedora'), variantOf('debian')]);
    const status = presentStatus(addon, present([made(1), made(2)]), now);
    assert.equal(status.ready, '2/2');
    assert.equal(conditionOf(status.conditions, 'Ready')?.status, 'True');
    assert.deepEqual(
      status.variants?.map(({ os, image }) => [os.id, image]),
      [
        ['fedora', made(1).artifact.image],
        ['debian', made(2).artifact.image],
      ],
    );
  });

  it('names the variant that is bad, keeps its last good artifact, and leaves the other as it is', () => {
    const addon = addonOf([variantOf('fedora'), variantOf('debian')]);
    const status = presentStatus(addon, present([failed(stalled, made(1).artifact), made(2)]), now);
    assert.equal(status.ready, '1/2');
    const ready = conditionOf(status.conditions, 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'ContentRefused']);
    assert.equal(ready?.message, 'linux/amd64 for fedora: /etc/passwd: is outside /usr and /opt');
    assert.equal(conditionOf(status.conditions, 'Stalled')?.status, 'True');
    const [bad, good] = status.variants ?? [];
    assert.deepEqual([bad?.image, bad?.reason], [made(1).artifact.image, 'ContentRefused']);
    assert.deepEqual([good?.image, good?.reason], [made(2).artifact.image, undefined]);
  });

  it('is retried as the most hopeful of several failures, and names them all', () => {
    const variants = [variantOf('a'), variantOf('b'), variantOf('c')];
    const outcome = presentOutcome(addonOf(variants), [failed(stalled), failed(waiting), failed(transient)]);
    assert.ok(outcome.kind === 'Failed' && outcome.error instanceof TransientError);
    assert.deepEqual([outcome.error.reason, outcome.error.retryAfterMs], ['RegistryUnavailable', 7_000]);
    for (const id of ['for a:', 'for b:', 'for c:']) assert.ok(outcome.error.message.includes(id));
    const second = presentOutcome(addonOf(variants.slice(0, 2)), [failed(stalled), failed(waiting)]);
    assert.ok(second.kind === 'Failed' && second.error instanceof WaitingError && second.error.requeueAfterMs === 30_000);
  });

  it('says what is being made, how much is left, and what is wrong meanwhile', () => {
    const variants = [variantOf('a'), variantOf('b'), variantOf('c')];
    const toMake: VariantState = { kind: 'ToMake', artifact: {} };
    const outcome = presentOutcome(addonOf(variants), [failed(stalled), toMake, toMake]);
    assert.deepEqual(outcome, {
      kind: 'Progressing',
      reason: 'Building',
      message: 'making linux/amd64 for b, and then 1 more; linux/amd64 for a: /etc/passwd: is outside /usr and /opt',
    });
  });

  it('finds the last artifact of a variant by what it is for, wherever it stands', () => {
    const before = presentStatus(addonOf([variantOf('a'), variantOf('b')]), present([made(1), made(2)]), now);
    assert.equal(artifactOf(before, variantOf('b')).image, made(2).artifact.image);
    assert.deepEqual(artifactOf(before, variantOf('b', 'linux/arm64')), {});
    const after = presentStatus(
      addonOf([variantOf('b')], before),
      present([{ kind: 'ToMake', artifact: artifactOf(before, variantOf('b')) }]),
      now,
    );
    assert.deepEqual(
      after.variants?.map(({ image }) => image),
      [made(2).artifact.image],
    );
  });

  it('says what an artifact starts and needs, which pools go by, and keeps it while the next one cannot be made', () => {
    const needs = { services: ['tool.service'], requires: { addons: ['runtime'], systemd: 255 } };
    const one = made(1);
    const good: VariantState = { ...one, artifact: { ...one.artifact, ...needsOf(needs) } };
    const addon = addonOf([variantOf('a')]);
    const before = presentStatus(addon, present([good]), now);
    const offered = (status: SystemAddonStatus) => offerOf({ ...addon, status }).variants[0]?.made;
    assert.deepEqual({ ...offered(before) }, { ...offered(before), ...needs });
    const after = presentStatus(
      { ...addon, status: before },
      present([failed(stalled, artifactOf(before, variantOf('a')))]),
      now,
    );
    assert.deepEqual(offered(after), offered(before));
    assert.deepEqual(needsOf({ services: [], requires: { addons: [], kernelModules: [], paths: [] } }), {});
    const all = { addons: ['a'], systemd: 255, kernelModules: ['overlay'], paths: ['/usr/bin/runc'] };
    assert.deepEqual(needsOf({ requires: all }), { requires: all });
  });

  it('has LookupFailed only while something cannot be looked up, and until it was looked up again', () => {
    const one = [variantOf('a')];
    const first = presentStatus(addonOf(one), present([made(1)], { lookupsFailed: [transient] }), now);
    assert.match(conditionOf(first.conditions, 'LookupFailed')?.message ?? '', /no answer; what is known stays in use/);
    assert.equal(conditionOf(first.conditions, 'Ready')?.status, 'True');
    const unsure = presentStatus(addonOf(one, first), present([made(1)], { unsure: true }), now);
    assert.ok(conditionOf(unsure.conditions, 'LookupFailed'));
    assert.equal(conditionOf(presentStatus(addonOf(one, unsure), present([made(1)]), now).conditions, 'LookupFailed'), undefined);
  });

  it('keeps what was, suspended, whether it was ready or not', () => {
    for (const state of [made(1), failed(transient, made(1).artifact)]) {
      const before = presentStatus(addonOf([variantOf('a')]), present([state]), now);
      const after = suspendedStatus(addonOf([variantOf('a')], before), now);
      const ready = conditionOf(after.conditions, 'Ready');
      assert.deepEqual([ready?.status, ready?.reason], [state.kind === 'Good' ? 'True' : 'False', 'Suspended']);
      assert.equal(conditionOf(after.conditions, 'Reconciling'), undefined);
      assert.deepEqual(after.variants, before.variants);
    }
  });

  it('says nothing new when nothing is new: the status of a status is the same', () => {
    const state = fc.constantFrom<VariantState>(
      made(1),
      made(2),
      failed(stalled),
      failed(waiting, made(1).artifact),
      failed(transient),
      {
        kind: 'ToMake',
        artifact: made(2).artifact,
      },
    );
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), fc.boolean(), (states, unsure) => {
        const variants = states.map((_, i) => variantOf(`os${i}`));
        const once = presentStatus(addonOf(variants), present(states, { unsure }), now);
        const later = new Date('2026-11-23T13:00:00Z');
        const twice = presentStatus(addonOf(variants, once), present(states, { unsure }), later);
        assert.deepEqual(twice, once);
        assert.deepEqual(newsOf(once, twice), []);
        assert.equal(once.ready, `${states.filter(({ kind }) => kind === 'Good').length}/${states.length}`);
      }),
    );
  });
});

const told = (news: News[]): string[] => news.map(({ type, reason }) => `${type} ${reason}`);

describe('events of an addon', () => {
  const variants = [variantOf('a'), variantOf('b')];
  const status = (states: VariantState[], before?: SystemAddonStatus, more: Partial<Present> = {}): SystemAddonStatus =>
    presentStatus(addonOf(variants, before), present(states, more), now);

  it('tell of each artifact once, and not of success beside it', () => {
    const building = status([{ kind: 'ToMake', artifact: {} }, made(2)]);
    assert.deepEqual(
      newsOf(undefined, building).map(({ reason }) => reason),
      ['Built'],
    );
    const done = status([made(1), made(2)], building);
    const [news, ...others] = newsOf(building, done);
    assert.deepEqual([news?.type, news?.reason, others.length], ['Normal', 'Built', 0]);
    assert.equal(news?.note, `linux/amd64 for a: ${made(1).artifact.image}, 4096 bytes`);
    assert.deepEqual(newsOf(done, status([made(1), made(2)], done)), []);
  });

  it('tell of a refusal once for each change, and of a failed try once for each reason', () => {
    const refused = status([failed(stalled), made(2)], status([made(1), made(2)]));
    assert.deepEqual(
      newsOf(status([made(1), made(2)]), refused).map(({ type, reason }) => `${type} ${reason}`),
      ['Warning ContentRefused'],
    );
    assert.deepEqual(newsOf(refused, status([failed(stalled), made(2)], refused)), []);
    const other = status([failed(new StallingError('ContentRefused', '/var/x')), made(2)], refused);
    assert.equal(newsOf(refused, other).length, 1);

    const down = status([failed(transient), made(2)], refused);
    const still = status([failed(new TransientError('RegistryUnavailable', 'other words')), made(2)], down);
    assert.deepEqual(newsOf(down, still), []);
    const again = status([failed(transient, made(1).artifact), made(2)], down);
    const recovered = status([made(1), made(2)], again);
    assert.deepEqual(
      newsOf(again, recovered).map(({ type, reason }) => `${type} ${reason}`),
      ['Normal Succeeded'],
    );
  });

  it('tell of what fails again each time it is tried once', () => {
    const down = status([failed(transient), made(2)], status([made(1), made(2)]));
    const trying = status([{ kind: 'ToMake', artifact: {} }, made(2)], down);
    assert.deepEqual(newsOf(down, trying), []);
    assert.deepEqual(newsOf(trying, status([failed(transient), made(2)], trying), down), []);
    assert.deepEqual(
      newsOf(trying, status([failed(stalled), made(2)], trying), down).map(({ reason }) => reason),
      ['ContentRefused'],
    );
  });

  it('tell once what trust says of the image', () => {
    const before = status([made(1), made(2)]);
    const trusted = { status: 'False' as const, reason: 'Untrusted', message: 'nobody signed' };
    const refused = status([failed(new StallingError('Untrusted', 'is not trusted: nobody signed')), made(2)], before, {
      trusted,
    });
    assert.deepEqual(told(newsOf(before, refused)), ['Warning ImageRefused']);
    // Also where another variant is made first, in the first pass of all.
    const error = new StallingError('Untrusted', 'is not trusted: nobody signed');
    const making = status([failed(error), { kind: 'ToMake', artifact: {} }], undefined, { trusted });
    assert.deepEqual(told(newsOf(undefined, making, undefined)), ['Warning ImageRefused']);
    const ended = status([failed(error), made(2)], making, { trusted });
    assert.deepEqual(told(newsOf(making, ended, undefined)), ['Normal Built']);
  });
});

describe('whether a variant is made', () => {
  const facts: VariantFacts = { inputs: 'a', made: 'a', artifact: 'Present', refused: undefined, requested: false };
  for (const [name, changed, expected] of [
    ['nothing changed', {}, 'Keep'],
    ['the registry does not answer', { artifact: 'Unknown' }, 'Keep'],
    ['the artifact is gone', { artifact: 'Gone' }, 'Make'],
    ['it was never made', { made: undefined }, 'Make'],
    ['it is made of something else', { inputs: 'b' }, 'Make'],
    ['that was refused', { inputs: 'b', refused: stalled }, 'Refuse'],
    ['that was refused, and a person asks', { inputs: 'b', refused: stalled, requested: true }, 'Make'],
    ['it is as before a refusal', { refused: stalled }, 'Keep'],
    ['a person asks, and nothing changed', { requested: true }, 'Keep'],
  ] as const satisfies readonly (readonly [string, Partial<VariantFacts>, string])[]) {
    it(`${name}: ${expected}`, () => assert.equal(variantStep({ ...facts, ...changed }).kind, expected));
  }

  it('is never made again while what it was made of is the same and its artifact is not known to be gone', () => {
    fc.assert(
      fc.property(
        fc.record({
          inputs: fc.constantFrom('a', 'b'),
          made: fc.constantFrom('a', 'b', undefined),
          artifact: fc.constantFrom<VariantFacts['artifact']>('Present', 'Gone', 'Unknown'),
          refused: fc.constantFrom(stalled, undefined),
          requested: fc.boolean(),
        }),
        of => {
          const { kind } = variantStep(of);
          if (of.made === of.inputs && of.artifact !== 'Gone') assert.equal(kind, 'Keep');
          else assert.notEqual(kind, 'Keep');
          if (kind === 'Refuse') assert.ok(of.refused && !of.requested);
        },
      ),
    );
  });
});

describe('variants', () => {
  it('have one key each', () => {
    const keyed: Parameters<typeof variantKey>[0][] = [
      { platform: 'linux/amd64', os: { id: 'a' } },
      { platform: 'linux/arm64', os: { id: 'a' } },
      { platform: 'linux/amd64', os: { id: 'a', versionId: '1' } },
      { platform: 'linux/amd64', os: { id: 'a', sysextLevel: '1' } },
    ];
    assert.equal(new Set(keyed.map(variantKey)).size, keyed.length);
  });

  it('are named for people', () => {
    assert.equal(variantName({ platform: 'linux/amd64', os: { id: '_any' } }), 'linux/amd64 for any system');
    assert.equal(variantName({ platform: '_any', os: { id: 'fedora', versionId: '42' } }), 'any platform for fedora 42');
    assert.equal(
      variantName({ platform: 'linux/arm64', os: { id: 'fedora', sysextLevel: '2' } }),
      'linux/arm64 for fedora (SYSEXT_LEVEL 2)',
    );
  });
});
