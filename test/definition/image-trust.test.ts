/** What trust says of the images that a definition is made of: which of them is used, and what the condition says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import { failureOf, ImageTrust, JudgedImages } from '../../controller/definition/image-trust.ts';
import { judgeKept } from '../../controller/definition/kept-images.ts';
import type { Decision, Judgement } from '../../controller/trust/judgement.ts';
import type { ImageToJudge } from '../../controller/trust/trust.ts';

const digest = (n: number): string => `sha256:${String(n).repeat(64)}`;
const image = (n: number): string => `registry.example/base@${digest(n)}`;

/** A door that says the same of an image each time, and notes what it was asked. */
function door(says: Record<string, Decision | Error>) {
  const asked: ImageToJudge[] = [];
  const judgeImage = async (of: ImageToJudge): Promise<Judgement> => {
    asked.push(of);
    const decision = says[of.image];
    if (decision === undefined || decision instanceof Error) throw decision ?? new Error(of.image);
    return {
      decision,
      reason: decision === 'Refused' ? 'Untrusted' : decision,
      message: `says ${decision}`,
      digest: of.image.slice(of.image.indexOf('@') + 1),
      basis: 'b',
      ...(of.commit === undefined ? {} : { commit: of.commit }),
      signers: [],
      candidates: [],
    };
  };
  return { asked, judgeImage };
}

const pass = (trust: ReturnType<typeof door>, o: { judged?: JudgedImages; again?: boolean } = {}): ImageTrust =>
  new ImageTrust({
    trust,
    judged: o.judged ?? new JudgedImages(),
    credentials: async () => undefined,
    again: o.again ?? false,
  });

const lookUpFailed = new TransientError('SignatureLookupFailed', 'the registry says 503', { retryAfterMs: 7_000 });

describe('the images of a definition', () => {
  it('says the worst of them in one condition: what is refused, then what nobody could look up, then what is let through', async () => {
    const says = {
      [image(1)]: 'Trusted',
      [image(2)]: 'Skipped',
      [image(3)]: 'Warned',
      [image(4)]: lookUpFailed,
      [image(5)]: 'Refused',
    } as const;
    const trust = pass(door(says));
    const seen: string[] = [];
    for (const n of [1, 2, 3, 4, 5]) {
      await trust.judge({ what: `spec.${n}`, image: image(n) });
      const { status, reason, message } = trust.condition() ?? assert.fail();
      seen.push(`${status} ${reason} ${message}`);
    }
    assert.deepEqual(seen, [
      'True Trusted spec.1: says Trusted',
      'Unknown Skipped spec.2: says Skipped',
      'False Warned spec.3: says Warned',
      'Unknown SignatureLookupFailed spec.4: the registry says 503',
      'False Untrusted spec.5: says Refused',
    ]);
  });

  it('says NotConfigured once, and nothing before anything was judged', async () => {
    const trust = pass(door({ [image(1)]: 'NotConfigured', [image(2)]: 'NotConfigured' }));
    assert.equal(trust.condition(), undefined);
    for (const n of [1, 2]) await trust.judge({ what: `spec.${n}`, image: image(n) });
    assert.deepEqual(trust.condition(), { status: 'Unknown', reason: 'NotConfigured', message: 'says NotConfigured' });
  });

  it('takes a refusal for a matter of a person, and a failed look-up for one of time', async () => {
    const refused = failureOf(
      { what: 'spec.base' },
      { record: { decision: 'Refused', reason: 'NoPolicy', message: 'm', digest: digest(1), basis: 'b', signers: [] } },
    );
    assert(refused instanceof StallingError);
    assert.equal(`${refused.reason} ${refused.message}`, 'NoPolicy spec.base is not trusted: m');
    const failed = failureOf({ what: 'spec.base' }, { error: lookUpFailed });
    assert(failed instanceof TransientError);
    assert.equal(
      `${failed.reason} ${failed.message} ${failed.retryAfterMs}`,
      'SignatureLookupFailed spec.base: the registry says 503 7000',
    );
    await assert.rejects(pass(door({ [image(1)]: 'Refused' })).require({ what: 'spec.base', image: image(1) }), StallingError);
    await assert.rejects(
      pass(door({ [image(1)]: lookUpFailed })).require({ what: 'spec.base', image: image(1) }),
      TransientError,
    );
  });

  it('gives the door what is recorded, in the status or since, unless a person asks about what was refused', async () => {
    const trust = door({ [image(1)]: 'Refused', [image(2)]: 'Trusted' });
    const judged = new JudgedImages();
    for (const again of [false, false, true]) {
      await pass(trust, { judged, again }).judge({ what: 'spec.base', image: image(1), commit: 'c'.repeat(40) });
      await pass(trust, { judged, again }).judge({ what: 'spec.base', image: image(2) });
    }
    assert.deepEqual(
      trust.asked.map(of => [of.commit?.length, of.recorded?.decision]),
      [
        [40, undefined],
        [undefined, undefined],
        [40, 'Refused'],
        [undefined, 'Trusted'],
        [40, undefined],
        [undefined, 'Trusted'],
      ],
    );
  });

  it('asks about the commit that is recorded, and takes no judgement for one commit for another, or for none', async () => {
    const trust = door({ [image(1)]: 'Trusted' });
    const judged = new JudgedImages();
    const ask = async (commit?: string): Promise<void> => {
      await pass(trust, { judged }).judge({ what: 'status.image', image: image(1), ...(commit === undefined ? {} : { commit }) });
    };
    for (const commit of ['a'.repeat(40), 'b'.repeat(40), undefined, 'a'.repeat(40)]) await ask(commit);
    assert.deepEqual(
      trust.asked.map(of => [of.commit?.[0], of.recorded?.commit?.[0]]),
      [
        ['a', undefined],
        ['b', undefined],
        [undefined, undefined],
        ['a', 'a'],
      ],
    );
    const recorded = { ...(await trust.judgeImage({ image: image(1), commit: 'c'.repeat(40) })), signers: [] };
    await pass(trust).judge({ what: 'status.image', image: image(1), recorded });
    assert.deepEqual([trust.asked.at(-1)?.commit, trust.asked.at(-1)?.recorded?.commit], ['c'.repeat(40), 'c'.repeat(40)]);
  });

  it('judges again what a suspended definition keeps, by its records', async () => {
    const trust = door({ [image(1)]: 'Trusted', [image(2)]: 'Refused', [image(3)]: 'Trusted' });
    const [base, made] = [await trust.judgeImage({ image: image(1) }), await trust.judgeImage({ image: image(3) })];
    trust.asked.length = 0;
    const status = {
      base: { image: 'registry.example/base:1', digest: digest(1), trust: { ...base, signers: [] } },
      workloadImages: [{ image: 'registry.example/base:web', digest: digest(2) }],
      image: image(3),
      trust: { ...made, signers: [] },
    };
    const kept = await judgeKept(pass(trust), status);
    assert.deepEqual([kept.trusted?.status, kept.trusted?.reason, kept.failed], ['False', 'Untrusted', false]);
    assert.match(kept.trusted?.message ?? '', /^spec\.workloads: registry\.example\/base:web/);
    assert.equal(kept.imageTrust?.record?.decision, 'Trusted');
    assert.deepEqual(
      trust.asked.map(of => [of.image, of.recorded?.decision]),
      [
        [image(1), 'Trusted'],
        [image(2), undefined],
        [image(3), 'Trusted'],
      ],
    );
    const failing = await judgeKept(pass(door({ [image(1)]: lookUpFailed })), { base: status.base });
    assert.deepEqual([failing.trusted?.status, failing.failed], ['Unknown', true]);
  });

  it('says nothing of an image while policies are being read', async () => {
    const trust = pass(door({ [image(1)]: new TransientError('TrustNotLoaded', '') }));
    await assert.rejects(trust.judge({ what: 'spec.base', image: image(1) }), WaitingError);
    assert.equal(trust.condition(), undefined);
  });

  it('keeps what was judged before beside a look-up that failed', async () => {
    const says: Record<string, Decision | Error> = { [image(1)]: 'Trusted' };
    const judged = new JudgedImages();
    const trust = door(says);
    await pass(trust, { judged }).judge({ what: 'spec.base', image: image(1) });
    says[image(1)] = lookUpFailed;
    const verdict = await pass(trust, { judged }).judge({ what: 'spec.base', image: image(1) });
    assert.equal(verdict.record?.decision, 'Trusted');
    assert.equal(verdict.error, lookUpFailed);
  });
});
