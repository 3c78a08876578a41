/** The four steps of the demo. Each commits, waits for what must come, checks what must be true, and reports. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readiness } from '../cluster/fleet.ts';
import { describeWrites } from './api-writes.ts';
import { checkImage, checkRollout, hasArrived, revisionOf } from './arrival.ts';
import { nodeDoing } from './narration.ts';
import { short, shortDigest, type StepReport } from './report.ts';
import { brokenDefinition, firstFiles, greeting, paths } from './repository.ts';
import { Step, stepTimeoutMs, type Stage } from './stage.ts';

/** Writes that an update of one node may take when nothing goes wrong. */
const writeBudget = { controller: 4, agent: 3 };

/** (1) A first commit: the definition is built and every node boots it. */
export async function firstCommit(stage: Stage): Promise<StepReport> {
  const step = await Step.begin(stage, 'first commit');
  const boots = bootIDs(stage);
  const commit = await stage.repository.commit(firstFiles(stage.files), 'Define the worker system');
  stage.narration.tell(`commit ${short(commit)}: a definition, a pool and a file`);
  await arrive(step, commit);
  step.check('one build was run', step.buildsRun === 1, String(step.buildsRun));
  return await finish(step, { commit, boots, text: greeting(1) });
}

/** (2) One file changes; the controller is killed in the middle. */
export async function changeOneFile(stage: Stage): Promise<StepReport> {
  const step = await Step.begin(stage, 'one file changed');
  const boots = bootIDs(stage);
  const commit = await stage.repository.commit({ [paths.greeting]: greeting(2) }, 'Greet with version 2');
  stage.narration.tell(`commit ${short(commit)}: one file is another`);
  await killMidway(step, commit);
  await arrive(step, commit);
  step.check('one build was run', step.buildsRun === 1, String(step.buildsRun));
  return await finish(step, { commit, boots, text: greeting(2), disturbed: true });
}

/** (3) A document with a typing error: refused with file and line, and nothing moves. */
export async function breakDocument(stage: Stage, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'broken document');
  const { fleet, environment } = stage;
  const before = positions(stage);
  const broken = brokenDefinition(stage.files);
  const commit = await stage.repository.commit(
    { [paths.definition]: broken.text, [paths.greeting]: greeting(3) },
    'Break the definition and change its file',
  );
  stage.narration.tell(`commit ${short(commit)}: a field's name is misspelt`);
  const source = () => fleet.stores.sources.get('fleet');
  await fleet.until(
    'the source refuses the document',
    () => source()?.status?.lastAttemptedRevision === revisionOf(commit) && (source()?.status?.failures?.length ?? 0) > 0,
    { timeoutMs: stepTimeoutMs, explain: () => explain(stage) },
  );
  const [failure] = source()?.status?.failures ?? [];
  step.check(
    `the source names ${paths.definition}:${broken.line}`,
    failure?.file === paths.definition && failure.line === broken.line,
    () => JSON.stringify(failure),
  );
  const { ready, message } = readiness(source()?.status);
  step.check('the source is not Ready and says where', !ready && message.includes(`${paths.definition}:${broken.line}`), message);
  // Long enough for several polls: what was going to move would have begun.
  await sleep(5_000);
  step.check('no target and no node moved', isDeepStrictEqual(positions(stage), before), () => JSON.stringify(positions(stage)));
  step.check('no build was run', step.buildsRun === 0, String(step.buildsRun));
  step.check('no node went away', fleet.mostUnavailable === 0, () => JSON.stringify(fleet.changes));
  const report = await step.end(commit, running.image);
  const writes = report.nodes.reduce((sum, n) => sum + n.writes.controller + n.writes.agent, 0);
  step.check('nothing was written about any node', writes === 0, `${writes} writes`);
  stage.narration.tell(`the last good version stays on ${environment.nodes.length} nodes`);
  return report;
}

/** (4) Back to the files of the first commit: no build, and the nodes return to the first image. */
export async function revert(stage: Stage, first: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'revert');
  const boots = bootIDs(stage);
  const commit = await stage.repository.commit(firstFiles(stage.files), 'Revert to the first version');
  stage.narration.tell(`commit ${short(commit)}: the files of ${short(first.commit)} again`);
  await arrive(step, commit);
  step.check('no build was run', step.buildsRun === 0, String(step.buildsRun));
  const report = await finish(step, { commit, boots, text: greeting(1) });
  step.check('the image is the first one', report.image === first.image, report.image);
  step.check(
    'every node booted the digest that it booted first',
    report.nodes.every(n => n.bootedDigest === first.nodes.find(f => f.name === n.name)?.bootedDigest),
    () => JSON.stringify(report.nodes),
  );
  return report;
}

async function arrive(step: Step, commit: string): Promise<void> {
  const { stage } = step;
  await stage.fleet.until(`all nodes run ${short(commit)}`, () => hasArrived(stage, commit), {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
}

async function finish(
  step: Step,
  o: { commit: string; boots: ReadonlyMap<string, string>; text: string; disturbed?: boolean },
): Promise<StepReport> {
  const image = step.stage.fleet.stores.definitions.get('worker')?.status?.image ?? '';
  checkRollout(step, o.commit, o.boots);
  await checkImage(step, image, o.text);
  const report = await step.end(o.commit, image);
  checkWrites(step, report, o.disturbed ?? false);
  step.stage.narration.tell(`all nodes run ${short(o.commit)} as ${shortDigest(report.imageDigest)} after ${report.seconds} s`);
  return report;
}

/**
 * A killed controller may write once again what it does not know to be written; an agent's first reports, of its host and that it knows
 * addons, come before it is given any.
 */
export function checkWrites(step: Step, report: StepReport, disturbed: boolean): void {
  const isFirst = step.name === 'first commit';
  const extra = { controller: disturbed || isFirst ? 1 : 0, agent: isFirst ? 2 : 0 };
  const most = {
    controller: Math.max(...report.nodes.map(n => n.writes.controller)),
    agent: Math.max(...report.nodes.map(n => n.writes.agent)),
  };
  const limit = { controller: writeBudget.controller + extra.controller, agent: writeBudget.agent + extra.agent };
  step.check(
    `at most ${limit.controller} writes of the controller and ${limit.agent} of the agent for a node (most: ${most.controller} and ${most.agent})`,
    most.controller <= limit.controller && most.agent <= limit.agent,
    () => report.nodes.map(n => `${n.name}: ${describeWrites(step.stage.environment.proxy.record, n.name)}`).join('\n'),
  );
  step.check('no event about any node', report.nodeEvents === 0, String(report.nodeEvents));
}

/** SIGKILL when the canary is through and another node is cordoned or down; then nothing new may start; then the controller comes back. */
async function killMidway(step: Step, commit: string): Promise<void> {
  const { fleet, environment, narration } = step.stage;
  const revision = revisionOf(commit);
  const updated = () =>
    fleet.stores.targets
      .list()
      .filter(t => t.spec.revision === revision && t.spec.digests.includes(t.status?.host?.booted?.digest ?? '')).length;
  const single = environment.nodes.length === 1;
  await fleet.until(
    'the rollout is midway',
    () => (single || updated() >= 1) && fleet.unavailable.length >= 1 && updated() < environment.nodes.length,
    {
      timeoutMs: stepTimeoutMs,
      explain: () => explain(step.stage),
    },
  );
  const before = environment.controller.running;
  await environment.controller.kill();
  // What was written just before may be seen just after.
  const killedAt = Date.now() + 500;
  const away = fleet.unavailable;
  const standing = away.map(name => `${name}: ${nodeDoing(fleet, name)}`).join('; ');
  narration.tell(`the controller (${before}) was killed with SIGKILL (${standing})`);
  await sleep(3_000);
  const since = fleet.changes.filter(c => !c.available && c.at > killedAt && !away.includes(c.node));
  step.check('without a controller no further node was taken away', since.length === 0, () => JSON.stringify(since));
  await environment.controller.start();
  narration.tell(`the controller is back (${environment.controller.running})`);
  step.check(
    'the controller was another process afterwards',
    before !== undefined && environment.controller.running !== before,
    environment.controller.running,
  );
}

export function bootIDs({ environment }: Pick<Stage, 'environment'>): ReadonlyMap<string, string> {
  return new Map(environment.nodes.map(node => [node.name, node.bootID]));
}

/** What must not move when a commit is refused. */
export function positions({ fleet, environment }: Stage): { targets: unknown; definition: unknown; boots: unknown } {
  return {
    targets: fleet.stores.targets.list().map(t => [t.name, t.generation, t.spec.image, t.status?.host?.booted?.digest]),
    definition: fleet.stores.definitions.get('worker')?.generation,
    boots: [...bootIDs({ environment })],
  };
}

/** Why something does not come about: what every object says, and the end of the logs. */
export function explain(stage: Stage): string {
  const { environment, fleet } = stage;
  return `${fleet.describe()}\n--- the controller's log\n${environment.controller.tail(30)}`;
}
