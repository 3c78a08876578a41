/** The steps of the demo about addons: one that is updated apart from the system, and a system that waits until its addon is there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { systemaddons } from '../../controller/api/system-addon.ts';
import { type AddonSeal, parseSeal, sealPath } from '../../controller/host-addons/seal.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { readiness } from '../cluster/fleet.ts';
import { checkRollout, hasArrived, isRolledOut, revisionOf } from './arrival.ts';
import { short, type StepReport } from './report.ts';
import { firstFiles, paths, runtime } from './repository.ts';
import { Step, stepTimeoutMs, type Stage } from './stage.ts';
import { bootIDs, checkWrites, explain, positions } from './steps.ts';

/** VERSION_ID of the base, and of the release that comes. */
const systems = { now: '1', next: '2' } as const;
const version = '1.1';

/** (9) A commit changes the addon alone: each node boots once, in its turn, with the same image and the new addon. */
export async function updateAddon(stage: Stage, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'addon updated');
  const { fleet, narration, repository } = stage;
  const boots = bootIDs(stage);
  const before = artifacts(stage);
  const target = { revision: targetOf(stage)?.revision ?? '', image: running.image };
  const commit = await repository.commit(
    { [paths.runtime]: runtime(stage.files, { version, systems: ['1'] }) },
    'Update the runtime',
  );
  narration.tell(`commit ${short(commit)}: the addon runtime is another version`);
  await fleet.until(
    'every node runs the new addon',
    () => isRolledOut(stage, target) && artifacts(stage).every(artifact => !before.includes(artifact)),
    { timeoutMs: stepTimeoutMs, explain: () => explain(stage) },
  );
  step.check('no build was run', step.buildsRun === 0, String(step.buildsRun));
  checkRollout(step, target.revision.slice(revisionOf('').length), boots);
  await checkAddon(step, commit, systems.now);
  const report = await step.end(commit, running.image);
  step.check(
    'every node booted the digest of the system that it ran before',
    report.nodes.every(n => n.bootedDigest === running.nodes.find(r => r.name === n.name)?.bootedDigest),
    () => JSON.stringify(report.nodes),
  );
  checkWrites(step, report, false);
  narration.tell(`all nodes run the runtime of ${short(commit)} after ${report.seconds} s`);
  return report;
}

/** (10) The base is another release of its system. Its image is built, and no node goes there before the addon is made for it. */
export async function waitForAddon(stage: Stage, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'waits for an addon');
  const { environment, fleet, narration, repository } = stage;
  const before = positions(stage);
  const boots = bootIDs(stage);
  const pool = () => fleet.stores.pools.get('workers')?.status;
  const { image: baseImage } = await pushBaseImage({ registry: environment.registry.host, tag: systems.next });
  const { [paths.definition]: definition = '' } = firstFiles({ ...stage.files, baseImage });
  const release = await repository.commit({ [paths.definition]: definition }, 'Take the next release of the base');
  narration.tell(`commit ${short(release)}: the base is version ${systems.next} of its system`);
  const problem = () => (targetOf(stage)?.image === running.image ? undefined : pool()?.addons?.problems?.[0]);
  const isAbout = (text = '') => text.includes('addon runtime') && text.includes(`base ${systems.next}`);
  await fleet.until('the pool waits for the addon', () => isAbout(problem()?.message), {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
  narration.tell(`kubectl get spool says: ${readiness(pool()).message}`);
  step.check('one build was run', step.buildsRun === 1, String(step.buildsRun));
  step.check('the pool says AddonsNotReady, for every node', holdsAll(stage), () => JSON.stringify(pool()?.addons?.problems));
  step.check('and names the addon and the system that it is not made for', isAbout(problem()?.message), problem()?.message);
  // Long enough for a rollout to begin.
  await sleep(2_000);
  const now = positions(stage);
  step.check('no target and no node moved', isDeepStrictEqual([now.targets, now.boots], [before.targets, before.boots]), () =>
    JSON.stringify(now),
  );
  step.check('no node was cordoned or went away', fleet.mostUnavailable === 0 && fleet.changes.length === 0, () =>
    JSON.stringify(fleet.changes),
  );

  const both = runtime(stage.files, { version, systems: Object.values(systems) });
  const commit = await repository.commit({ [paths.runtime]: both }, 'Make the runtime for the next system');
  narration.tell(`commit ${short(commit)}: the addon runtime has a variant for it`);
  await fleet.until('every node runs the next system', () => hasArrived(stage, release), {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
  const image = targetOf(stage)?.image ?? '';
  checkRollout(step, release, boots);
  await checkAddon(step, commit, systems.next);
  const report = await step.end(commit, image);
  checkWrites(step, report, false);
  narration.tell(`all nodes run version ${systems.next} of the system, and the runtime for it, after ${report.seconds} s`);
  return report;
}

function targetOf({ fleet }: Stage) {
  return fleet.stores.pools.get('workers')?.status?.target;
}

function artifacts({ environment, fleet }: Stage): (string | undefined)[] {
  return environment.nodes.map(({ name }) => fleet.stores.targets.get(name)?.spec.addons?.[0]?.image);
}

function holdsAll({ environment, fleet }: Stage): boolean {
  const problems = fleet.stores.pools.get('workers')?.status?.addons?.problems ?? [];
  const nodes = problems.reduce((sum, problem) => sum + (problem.nodes ?? 0), 0);
  return problems.every(({ reason }) => reason === 'AddonsNotReady') && nodes === environment.nodes.length;
}

/** What was made of the commit for a system is what each node was told to merge, and what its host has merged. */
async function checkAddon(step: Step, commit: string, versionId: string): Promise<void> {
  const { environment, fleet } = step.stage;
  const { spec, status } = await environment.admin.get(systemaddons, 'runtime');
  const variant = status?.variants?.find(({ os }) => os.versionId === versionId);
  step.check(
    `kubectl says of the addon that it is made of ${short(commit)}`,
    spec.sourceRef?.revision === revisionOf(commit) && variant?.image !== undefined,
    () => JSON.stringify([spec.sourceRef, status]),
  );
  step.check(
    'and every node was told to merge its artifact',
    artifacts(step.stage).every(artifact => artifact === variant?.image),
    () => artifacts(step.stage).join(', '),
  );
  step.check(
    'every host says of this boot that it is merged over that image, by its digest',
    environment.nodes.every(node => {
      const seal = sealOf(node.host.root);
      const target = fleet.stores.targets.get(node.name);
      return (
        seal.boot === node.bootID &&
        seal.state === 'Merged' &&
        seal.set === target?.spec.addonSet &&
        seal.image === target?.status?.host?.booted?.digest &&
        isDeepStrictEqual(seal.addons, [{ name: 'runtime', digest: variant?.digest, state: 'Merged' }])
      );
    }),
    () => JSON.stringify(environment.nodes.map(node => sealOf(node.host.root))),
  );
}

function sealOf(root: string): AddonSeal {
  return parseSeal(readFileSync(join(root, sealPath), 'utf8'));
}
