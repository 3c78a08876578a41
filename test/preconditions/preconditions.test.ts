/** How often is looked, what is said to be mended, and what makes a process not ready: looks that find what the test says. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { noAnswer, type Finding } from '../../controller/preconditions/finding.ts';
import { Preconditions, type PreconditionsOptions } from '../../controller/preconditions/preconditions.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { until } from '../kube/until.ts';

const away: Finding = { key: noAnswer, severity: 'unreachable', message: 'away' };
const refused: Finding = { key: 'credentials', severity: 'unreachable', message: 'refused' };
const missing: Finding = { key: 'crds-missing', severity: 'blocking', message: 'missing' };
const clock: Finding = { key: 'clock', severity: 'blocking', message: 'clock' };

interface Scene {
  preconditions: Preconditions;
  /** What the looks find from now on; resolves when one has. */
  find(...findings: Finding[]): Promise<void>;
  looks(): number;
  mended: number;
}

function start(t: TestContext, options: Partial<PreconditionsOptions> = {}): Scene {
  let findings: Finding[] = [];
  let looks = 0;
  const quick = { retryMs: [1, 2], intervalMs: 1, suspicionMs: 1 } as const;
  const look = async () => {
    looks++;
    return { findings, newer: [] };
  };
  const onMended = () => void scene.mended++;
  const preconditions = new Preconditions({ look, log: createLog('silent'), onMended, ...quick, ...options });
  t.after(() => preconditions.stop());
  const scene: Scene = {
    preconditions,
    looks: () => looks,
    mended: 0,
    async find(...found) {
      findings = found;
      preconditions.start();
      const before = looks;
      await until('a look', () => looks > before + 1);
    },
  };
  return scene;
}

describe('what is told to be mended', () => {
  it('is what watches need, and not an API server that did not answer, nor the clock', async t => {
    const scene = start(t);
    await scene.find();
    await scene.find(away);
    await scene.find(refused);
    await scene.find(clock);
    await scene.find();
    assert.equal(scene.mended, 0);
    await scene.find(missing);
    await scene.find();
    assert.equal(scene.mended, 1);
  });

  it('is told though the API server was away in between', async t => {
    const scene = start(t);
    await scene.find();
    await scene.find(missing);
    await scene.find(away);
    await scene.find();
    assert.equal(scene.mended, 1);
  });
});

describe('an agent is ready', () => {
  it('only when all was there once, and from then on also while the API server does not answer', async t => {
    const scene = start(t);
    const { preconditions } = scene;
    assert.equal(preconditions.ownProblems().length, 1);
    await scene.find(away);
    assert.deepEqual(preconditions.ownProblems(), ['away']);
    await scene.find();
    assert.deepEqual(preconditions.ownProblems(), []);
    await scene.find(away);
    assert.deepEqual([preconditions.ownProblems(), preconditions.problems()], [[], ['away']]);
    for (const own of [refused, missing, clock]) {
      await scene.find(own);
      assert.deepEqual(preconditions.ownProblems(), [own.message]);
    }
  });
});

it('no pause between looks is without chance', async t => {
  let asked = 0;
  const random = () => {
    asked++;
    return 0.5;
  };
  const scene = start(t, { random });
  await scene.find(missing);
  assert.ok(asked >= scene.looks() - 1);
  await scene.find();
  assert.ok(asked >= scene.looks() - 1);
});
