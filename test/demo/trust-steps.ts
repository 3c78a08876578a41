/** The steps of the demo about trust: what is not signed by whom it should be does not become a target, and what is not any more goes no further. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { conditionOf } from '../../controller/api/conditions.ts';
import { hostRuleAnnotation, requestedAt } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { readiness } from '../cluster/fleet.ts';
import { newKey, type TestKey } from '../trust/corpus/keys.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from '../trust/corpus/simple-signing.ts';
import { describeWrites, writesOf } from './api-writes.ts';
import { revisionOf } from './arrival.ts';
import { short, shortDigest, type StepReport } from './report.ts';
import { byHandFiles, firstFiles, greeting, paths, stillFiles } from './repository.ts';
import { Step, stepTimeoutMs, type Stage } from './stage.ts';
import { bootIDs, explain, positions } from './steps.ts';
import { trustAnyCommit, trustCommits, trustImages, trustNothing } from './trust-policies.ts';

/** What the three steps share. */
export interface ByHand {
  key: TestKey;
  /** Where it is pushed to, past Scantling. */
  repository: Repository;
  image: BaseImage;
}

const path = 'by-hand/worker';

const poolOf = ({ fleet }: Stage) => fleet.stores.pools.get('workers')?.status;

const says = (stage: Stage, type: string) => conditionOf(poolOf(stage)?.conditions, type);

async function until(stage: Stage, what: string, holds: () => boolean): Promise<void> {
  await stage.fleet.until(what, holds, { timeoutMs: stepTimeoutMs, explain: () => explain(stage) });
}

/** Agents are told what their hosts are to require: one write about each node, which is due to the policies and not to the image. */
async function hostsAreTold({ environment }: Stage): Promise<void> {
  const end = performance.now() + stepTimeoutMs;
  const told = async () =>
    (await environment.admin.list(nodetargets)).items.every(
      ({ metadata }) => metadata.annotations?.[hostRuleAnnotation] !== undefined,
    );
  while (!(await told())) {
    if (performance.now() > end) throw new Error('agents are not told what their hosts are to require');
    await sleep(50);
  }
}

/** (6) A policy says who signs; an unsigned image, pushed by hand, never becomes a target. */
export async function refuseImage(stage: Stage, running: StepReport): Promise<{ report: StepReport; byHand: ByHand }> {
  const step = await Step.begin(stage, 'unsigned image');
  const { environment, fleet, narration } = stage;
  const { host } = environment.registry;
  const byHand: ByHand = {
    key: newKey(),
    repository: new Repository(host, path),
    image: await pushBaseImage({ registry: host, repository: path, release: 'by hand' }),
  };
  // Policies go into every image that is built, and this is about one that is not.
  await stage.repository.commit(stillFiles(stage.files), 'Build nothing for now');
  const definition = () => conditionOf(fleet.stores.definitions.get('worker')?.status?.conditions, 'Ready');
  await until(stage, 'builds stand still', () => definition()?.reason === 'Suspended');
  await trustImages(environment, { prefix: byHand.repository.name, key: byHand.key });
  await until(stage, 'the policies are in force', () => says(stage, 'ImageTrusted')?.reason === 'Skipped');
  await hostsAreTold(stage);
  const policiesInForce = performance.now();
  narration.tell(
    `a TrustPolicy: images of ${byHand.repository.name} are signed with a key of cosign; all others are not looked at`,
  );
  const commit = await stage.repository.commit(
    byHandFiles(stage.files, byHand.image.image),
    'Run an image that was made by hand',
  );
  narration.tell(`commit ${short(commit)}: the pool asks for an image that nobody signed`);
  const before = positions(stage);
  await until(stage, 'the pool has judged the image', () => says(stage, 'ImageTrusted')?.status === 'False');
  const trusted = says(stage, 'ImageTrusted');
  narration.tell(`kubectl get spool says: ${readiness(poolOf(stage)).message}`);
  step.check('the pool says that the image is not trusted', trusted?.reason === 'Untrusted', trusted?.reason);
  step.check('and by which policy', trusted?.message.includes('TrustPolicy by-hand') === true, trusted?.message);
  const { message } = readiness(poolOf(stage));
  step.check(
    'and that it waits for a person',
    says(stage, 'Stalled')?.status === 'True' && message.includes(byHand.image.image.split(':')[0] ?? ''),
    message,
  );
  // Long enough for a rollout to begin.
  await sleep(2_000);
  step.check('it did not become the target', poolOf(stage)?.target?.image === running.image, poolOf(stage)?.target?.image);
  step.check('no target and no node moved', isDeepStrictEqual(positions(stage).targets, before.targets), () =>
    JSON.stringify(positions(stage)),
  );
  step.check('no node went away', fleet.mostUnavailable === 0, () => JSON.stringify(fleet.changes));
  const report = await step.end(commit, running.image);
  const record = environment.proxy.record.filter(call => call.startedAt > policiesInForce);
  const writes = report.nodes.reduce((sum, { name }) => sum + writesOf(record, name).controller, 0);
  step.check('the controller wrote nothing about any node', writes === 0, () =>
    report.nodes.map(({ name }) => `${name}: ${describeWrites(record, name)}`).join('\n'),
  );
  const most = Math.max(...report.nodes.map(n => n.writes.controller));
  step.check('and before that once about each: what its host is to require now', most === 1, `${most} writes`);
  return { report, byHand };
}

/** (7) A policy says who signs commits; one that is not signed is not applied. */
export async function refuseCommit(stage: Stage, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'unsigned commit');
  const { environment, fleet, narration, repository } = stage;
  const source = () => fleet.stores.sources.get('fleet')?.status;
  const applied = source()?.lastAppliedRevision;
  await trustCommits(environment, repository.url);
  const commit = await repository.commit({ [paths.greeting]: greeting(4) }, 'Change a file without a signature');
  narration.tell(`a TrustPolicy: commits of the repository are signed; commit ${short(commit)} is not`);
  const before = positions(stage);
  const refused = () => {
    const verified = conditionOf(source()?.conditions, 'SourceVerified');
    return verified?.status === 'False' && source()?.lastAttemptedRevision === revisionOf(commit) ? verified : undefined;
  };
  await until(stage, 'the source refuses the commit', () => refused() !== undefined);
  narration.tell(`kubectl get ssrc says: ${readiness(source()).message}`);
  step.check(
    'the source says that the commit is not signed by whom it should be',
    refused()?.reason === 'Untrusted',
    refused()?.reason,
  );
  await sleep(2_000);
  step.check('nothing of it was applied', source()?.lastAppliedRevision === applied, source()?.lastAppliedRevision);
  step.check('no target and no node moved', isDeepStrictEqual(positions(stage), before), () => JSON.stringify(positions(stage)));
  step.check('no build was run', step.buildsRun === 0, String(step.buildsRun));
  const report = await step.end(commit, running.image);
  await trustAnyCommit(environment);
  await until(stage, 'the commit is applied after all', () => source()?.lastAppliedRevision === revisionOf(commit));
  narration.tell('the policy says Skip, and the commit is applied');
  return report;
}

/** (8) The image is signed, and rolls out; midway its key is revoked. */
export async function revokeKey(stage: Stage, { key, repository, image }: ByHand, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'revoked key');
  const { environment, fleet, narration } = stage;
  const names = environment.nodes.map(({ name }) => name);
  const own = Object.values(image.platforms);
  const runs = () => names.filter(name => own.includes(fleet.stores.targets.get(name)?.status?.host?.booted?.digest ?? ''));
  await pushLayers(repository, image.digest, [signedLayer(key, payloadOf({ digest: image.digest, repository }))]);
  await environment.admin.mergePatch(
    systempools,
    'workers',
    { metadata: { annotations: { [requestedAt]: new Date().toISOString() } } },
    { fieldManager: 'kubectl' },
  );
  narration.tell(`${shortDigest(image.digest)} is signed now`);
  await until(stage, 'the canary runs it', () => runs().length > 0);
  const signers = poolOf(stage)?.target?.trust?.signers?.map(({ authority, key: by }) => `${authority} ${by}`);
  step.check(
    'the target says who signed it',
    isDeepStrictEqual(signers, [`by-hand/release ${key.fingerprint}`]),
    JSON.stringify(signers),
  );

  await trustImages(environment, { prefix: repository.name, key, revoked: true });
  narration.tell('the key leaked and is revoked');
  const setBack = () =>
    names.every(name => {
      const target = fleet.stores.targets.get(name);
      const booted = target?.status?.host?.booted?.digest ?? '';
      return target?.spec.digests.includes(booted) === true && fleet.stores.nodes.get(name)?.ready === true;
    });
  await until(stage, 'no node has it before it any more', () => says(stage, 'RunningUntrusted')?.status === 'True' && setBack());
  const boots = bootIDs(stage);
  const runIt = runs();
  await sleep(3_000);
  narration.tell(`kubectl get spool says: ${readiness(poolOf(stage)).message}`);
  step.check(
    'the pool says that the key is revoked',
    says(stage, 'ImageTrusted')?.reason === 'Revoked',
    says(stage, 'ImageTrusted')?.message,
  );
  step.check('the rollout stopped: not all nodes run it', runIt.length < names.length, runIt.join(', '));
  const named = says(stage, 'RunningUntrusted')?.message ?? '';
  step.check(
    'the pool names the nodes that run it',
    runIt.every(name => named.includes(name)),
    named,
  );
  step.check(
    'the others are set back to what they run, and none has a go-ahead',
    names
      .filter(name => !runIt.includes(name))
      .every(name => {
        const spec = fleet.stores.targets.get(name)?.spec;
        return spec?.image === running.image && spec.state === 'Staged' && spec.approval === undefined;
      }),
    () => JSON.stringify(fleet.stores.targets.list().map(t => t.spec)),
  );
  step.check('no node is rebooted for it', isDeepStrictEqual([...bootIDs(stage)], [...boots]), () =>
    JSON.stringify([...bootIDs(stage)]),
  );
  step.check('no cordon is left', fleet.unavailable.length === 0, () => fleet.unavailable.join(', '));
  const commit = await goBack(stage, running);
  return await step.end(commit, running.image);
}

/** The pool follows its definition again, and nothing is configured any more. */
async function goBack(stage: Stage, running: StepReport): Promise<string> {
  const { environment, fleet, narration, repository } = stage;
  const { [paths.pool]: pool = '', ...files } = firstFiles(stage.files);
  await repository.commit({ [paths.pool]: pool }, 'Follow the definition again');
  const back = () => environment.nodes.every(({ name }) => fleet.stores.targets.get(name)?.spec.image === running.image);
  await until(stage, 'every node runs the last image again', () => {
    const status = poolOf(stage);
    return status?.target?.image === running.image && back() && readiness(status).ready;
  });
  await trustNothing(environment);
  await until(stage, 'nothing is configured', () => says(stage, 'ImageTrusted')?.reason === 'NotConfigured');
  const commit = await repository.commit(files, 'Build again');
  const definition = () => fleet.stores.definitions.get('worker')?.status;
  await until(stage, 'the definition is built again', () => {
    const status = definition();
    return status?.revision === revisionOf(commit) && readiness(status).ready;
  });
  narration.tell(`the nodes that ran it are back on ${shortDigest(running.imageDigest)}`);
  return commit;
}
