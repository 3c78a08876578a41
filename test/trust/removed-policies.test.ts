/** The minute after the last policy has gone, at the door: nothing is judged as if none had been wanted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DoorScene, image, signed } from './door-scene.ts';

const gone = { reason: 'TrustRemoved' };
const repository = 'git.example.com/acme/systems';

async function scene(): Promise<DoorScene> {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  return scene;
}

test('what is under no policy because the last was taken away is judged a minute later, and whoever asks is told then', async () => {
  const of = await scene();
  const { trust } = of;
  of.store.delete('os');
  await assert.rejects(trust.judgeImage({ image }), error => {
    assert(error instanceof Error);
    assert.match(
      error.message,
      /last TrustPolicy for images .* until 2026-06-01T00:01:00Z.*; to let .* scope\.root and mode Skip$/,
    );
    return true;
  });
  of.advance(59_000);
  await assert.rejects(trust.judgeImage({ image }), gone);
  const told = of.changes;
  of.advance(1_000);
  assert.equal(of.changes, told + 1);
  assert.equal((await trust.judgeImage({ image })).decision, 'NotConfigured');
});

test('one that is replaced, as by kubectl replace --force, lets nothing through', async () => {
  const of = await scene();
  of.answer = { decision: 'Refused', reason: 'Untrusted' };
  of.store.delete('os');
  await assert.rejects(of.trust.judgeImage({ image }), gone);
  await of.apply('os', signed, { generation: 1 });
  assert.equal((await of.trust.judgeImage({ image })).decision, 'Refused');
  of.advance(3_600_000);
  assert.equal((await of.trust.judgeImage({ image })).decision, 'Refused');
});

test('a person who says so does not wait', async () => {
  const of = await scene();
  of.store.delete('os');
  await of.apply('all', { mode: 'Skip' });
  assert.equal((await of.trust.judgeImage({ image })).decision, 'Skipped');
});

test('a cluster that never had one waits for nothing, and one of commits says nothing of images', async () => {
  const of = new DoorScene();
  assert.equal((await of.trust.judgeImage({ image })).decision, 'NotConfigured');
  await of.apply('commits', { subjects: ['Git'], prefix: 'git.example.com' });
  of.store.delete('commits');
  assert.equal((await of.trust.judgeImage({ image })).decision, 'NotConfigured');
  assert.throws(() => of.trust.gitRules(repository), gone);
  of.advance(60_000);
  assert.equal(of.trust.gitRules(repository).configured, false);
});

test('a list of revocations that is left asks for no signature: the last policy has gone', async () => {
  const of = await scene();
  await of.apply('list', { prefix: 'registry.example.com', revoked: [{ fingerprint: 'c'.repeat(64) }] });
  of.store.delete('os');
  await assert.rejects(of.trust.judgeImage({ image }), gone);
});
