/** What is recorded of an image stands for what it was judged for, and is believed only when it names who signed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordOf } from '../../controller/trust/judgement.ts';
import { DoorScene, image, signed } from './door-scene.ts';

test('a judgement for one commit stands neither for another nor for none, where a policy compares the commit', async () => {
  const scene = new DoorScene();
  const predicateType = 'https://slsa.dev/provenance/v1';
  const compares = { ...signed, attestations: [{ predicateType, commit: 'Known' as const }] };
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  for (const [spec, looks] of [
    [signed, 0],
    [compares, 2],
  ] as const) {
    await scene.apply('os', spec, { generation: looks + 1 });
    const recorded = recordOf(await scene.trust.judgeImage({ image, commit: a }));
    assert.equal(recorded.commit, a);
    assert.equal(recorded.basis, scene.trust.basis('Image', 'registry.example.com/os/edge', a));
    scene.looked.length = 0;
    assert.equal((await scene.trust.judgeImage({ image, commit: a, recorded })).commit, a);
    assert.equal((await scene.trust.judgeImage({ image, commit: b, recorded })).commit, b);
    assert.equal((await scene.trust.judgeImage({ image, recorded })).commit, undefined);
    assert.equal(scene.looked.length, looks);
  }
});

test('a record that trusts and names nobody who signed is not believed', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  scene.answer = { decision: 'Refused', reason: 'Untrusted' };
  assert.equal((await scene.trust.judgeImage({ image, recorded })).decision, 'Trusted');
  assert.equal((await scene.trust.judgeImage({ image, recorded: { ...recorded, signers: [] } })).decision, 'Refused');
});
