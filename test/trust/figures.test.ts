import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '../../controller/telemetry/metric-table.ts';
import { TrustFigures } from '../../controller/trust/figures.ts';
import type { RecordedJudgement } from '../../controller/trust/judgement.ts';
import { projectPolicy } from '../../controller/trust/projection.ts';
import { samplesOf } from '../telemetry/exposition.ts';
import { policyOf } from './policy-scene.ts';

async function series(name: string): Promise<string[]> {
  return samplesOf(await registry.metrics())
    .filter(sample => sample.name === name)
    .map(({ labels, value }) => `${Object.values(labels).join(' ')} ${value}`)
    .toSorted();
}

const judgement = (of: Partial<RecordedJudgement>): RecordedJudgement => ({
  decision: 'Trusted',
  reason: 'Trusted',
  message: '',
  digest: 'sha256:a',
  policy: 'os',
  basis: 'sha256:b',
  signers: [],
  ...of,
});

test('what is judged is counted by policy, authority and form, and goes with its policy', async () => {
  const figures = new TrustFigures();
  const os = projectPolicy(policyOf('os', { mode: 'Warn' }));
  figures.show([os], 0);
  figures.judged(
    judgement({
      signers: [
        { authority: 'os/release', form: 'Signature' },
        { authority: 'os/release', form: 'Bundle' },
        { authority: 'root/any', form: 'Bundle' },
        { authority: 'os/release', form: 'Bundle', predicateType: 'another statement of the same' },
      ],
    }),
  );
  figures.judged(judgement({ decision: 'Refused', reason: 'Untrusted' }));
  figures.judged(judgement({ decision: 'Warned', signers: [{ authority: 'os/release', form: 'Bundle' }] }));
  figures.judged(judgement({ decision: 'Skipped' }));
  figures.failed('os');
  assert.deepEqual(await series('scantling_trust_verifications_total'), [
    'os none none failed 1',
    'os none none refused 1',
    'os none none warned 1',
    'os os/release Bundle trusted 1',
    'os os/release Signature trusted 1',
    'os root/any Bundle trusted 1',
  ]);
  assert.deepEqual(await series('scantling_trust_policy_mode'), ['os Warn 1']);
  figures.rootFetched('os', 1_000);
  figures.show([{ ...os, mode: 'Enforce' }], 61_000);
  assert.deepEqual(await series('scantling_trust_policy_mode'), ['os Enforce 1']);
  assert.deepEqual(await series('scantling_trust_root_age_seconds'), ['os 60']);
  figures.show([], 61_000);
  for (const name of ['verifications_total', 'policy_mode', 'root_age_seconds'])
    assert.deepEqual(await series(`scantling_trust_${name}`), []);
});
