/** The controller or an agent is killed at any moment, again and again: the end is the same, and no budget is exceeded on the way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { programFor } from '../cluster/program.ts';
import { hasArrived } from './arrival.ts';
import { Narration } from './narration.ts';
import { createSource, setStage } from './play.ts';
import { firstFiles, greeting, paths } from './repository.ts';
import type { Stage } from './stage.ts';

/** Moments between kills, ms: short enough to meet every step of an update, long enough that some work is done. */
const pause = { least: 200, most: 2_500 };
const kills = 12;
const seed = Number(process.env['SCANTLING_SEED'] ?? Date.now() % 1_000_000);

let stage: Stage;
let end: (() => Promise<void>) | undefined;
const random = randomOf(seed);

before(async () => {
  const silent = new Narration({ write: () => true });
  const set = await setStage({ nodes: 3, narration: silent, program: await programFor({ source: false }), report: () => {} });
  ({ stage, end } = set);
  await createSource(stage.environment, stage.repository.url);
});
after(() => end?.());

async function killWhileUnderWay(commit: string): Promise<number> {
  const { environment } = stage;
  let killed = 0;
  while (killed < kills && !hasArrived(stage, commit)) {
    await sleep(pause.least + random() * (pause.most - pause.least));
    const victim = Math.floor(random() * (environment.nodes.length + 2)) - 2;
    if (victim < 0) {
      await environment.controller.kill();
      await environment.controller.start();
    } else {
      environment.nodes[victim]?.killAgent();
    }
    killed++;
  }
  return killed;
}

async function rollOut(files: Record<string, string>): Promise<void> {
  const { environment, fleet, workload } = stage;
  const boots = new Map(environment.nodes.map(n => [n.name, n.reboots]));
  fleet.beginRecord();
  workload.watchFromHere();
  const commit = await stage.repository.commit(files, 'Change');
  const killed = await killWhileUnderWay(commit);
  await fleet.until(`all nodes run ${commit}`, () => hasArrived(stage, commit), {
    timeoutMs: 300_000,
    explain: () => `seed ${seed}, ${killed} kills\n${fleet.describe()}\n${environment.controller.tail(40)}`,
  });
  const note = `seed ${seed}, ${killed} kills`;
  assert.ok(killed > 0, note);
  assert.ok(fleet.mostUnavailable <= stage.maxUnavailable, `${note}: ${fleet.mostUnavailable} nodes were unavailable at once`);
  assert.ok(workload.least >= stage.minAvailablePods, `${note}: only ${workload.least} pods were available`);
  assert.deepEqual(fleet.unavailable, [], note);
  for (const node of environment.nodes) assert.equal(node.reboots - (boots.get(node.name) ?? 0), 1, `${note}: ${node.name}`);
}

test('from the first commit to booted nodes', () => rollOut(firstFiles(stage.files)));
test('one changed file', () => rollOut({ [paths.greeting]: greeting(2) }));
test('the first image again', () => rollOut({ [paths.greeting]: greeting(1) }));

/** mulberry32: a failure can be played again with its seed. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
