/** The demo from the first server to the last table. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { startInstallation, workerLabel } from '../cluster/installation.ts';
import { Fleet } from '../cluster/fleet.ts';
import { createWorkload, WorkloadWatch } from '../cluster/workloads.ts';
import type { Narration } from './narration.ts';
import type { StepReport } from './report.ts';
import type { Stage } from './stage.ts';
import { updateAddon, waitForAddon } from './addon-steps.ts';
import { failBuild, fixBase, installPackage, setTools, withoutPackages } from './build-steps.ts';
import { updateOwnNode } from './own-node-step.ts';
import { refuseCommit, refuseImage, revokeKey } from './trust-steps.ts';
import { breakDocument, changeOneFile, firstCommit, revert } from './steps.ts';

export interface PlayOptions {
  nodes: number;
  narration: Narration;
  /** Program that controller and agents run as; `helm`: whatever Helm installs, in pods on a real node. */
  program: readonly [command: string, ...args: string[]] | 'helm';
  /** Told each step's figures as soon as they are there. */
  report: (step: StepReport) => void;
}

/** Sets the stage. Whoever calls it ends it. */
export async function setStage({ nodes, narration, program }: PlayOptions): Promise<{ stage: Stage; end: () => Promise<void> }> {
  const { environment, ...parts } = await (program === 'helm' ? installed(nodes, narration) : beside(nodes, narration, program));
  const fleet = new Fleet(environment);
  const workload = new WorkloadWatch({ transport: environment.transport, name: 'web', log: environment.log });
  const end = async () => {
    narration.end();
    await Promise.all([workload.stop(), fleet.stop()]);
    await parts.stop();
  };
  try {
    await fleet.start();
    await workload.start();
    const replicas = nodes + 1;
    await createWorkload(environment.admin, { name: 'web', replicas, minAvailable: nodes - 1, nodeSelector: workerLabel });
    await fleet.until('the Deployment is up', () => workload.available === replicas, {
      timeoutMs: 60_000,
      explain: () => `${workload.available} of ${replicas} pods are available\n${environment.controlPlane.logs()}`,
    });
    const stage: Stage = {
      ...parts,
      environment,
      fleet,
      workload,
      repository: await environment.git.createRepository('fleet'),
      narration,
      minAvailablePods: nodes - 1,
      maxUnavailable: nodes > 3 ? 2 : 1,
      files: {
        baseImage: environment.base.image,
        output: `${environment.registry.host}/systems/worker`,
        maxUnavailable: nodes > 3 ? 2 : 1,
      },
    };
    return { stage, end };
  } catch (error) {
    await end();
    throw error;
  }
}

type Started = Pick<Stage, 'environment' | 'builder' | 'installation'> & { stop(): Promise<void> };

/** Controller and agents as processes beside the demo. */
async function beside(
  nodes: number,
  narration: Narration,
  program: readonly [command: string, ...args: string[]],
): Promise<Started> {
  const progress = (line: string) => narration.tell(line);
  const environment = await startEnvironment({
    nodes,
    program,
    keepController: true,
    controllerFlags: ['--identity=controller-0'],
    progress,
  });
  return { environment, builder: { name: 'Process' }, stop: () => environment.stop() };
}

/** Controller and agents as Helm installs them, on a real node beside the simulated ones. */
async function installed(nodes: number, narration: Narration): Promise<Started> {
  const installation = await startInstallation({
    nodes,
    progress: line => narration.tell(line),
    onTurn: () => narration.restart(),
  });
  try {
    narration.tell('helm install scantling charts/scantling --wait');
    await installation.helm.install(installation.release);
    await installation.controller.ready();
    narration.tell(`the controller runs as ${installation.controller.running}`);
  } catch (error) {
    await installation.stop();
    throw error;
  }
  const builder = { name: 'Job', node: installation.realNode.name } as const;
  return { environment: installation, installation, builder, stop: () => installation.stop() };
}

/** Plays the steps; those with packages only where buildah and apt are. Throws when something that must come does not. */
export async function play(stage: Stage, { report, narration }: PlayOptions): Promise<void> {
  const title = (text: string) => {
    narration.say();
    narration.say(text);
  };
  narration.follow(stage.fleet);
  title('1. A first commit: a definition becomes an image, and every node boots it');
  await createSource(stage.environment, stage.repository.url);
  const first = await firstCommit(stage);
  report(first);
  await rest(stage);
  title('2. One file changes: staged everywhere, one canary, then the rest; the controller is killed midway');
  const second = await changeOneFile(stage);
  report(second);
  await rest(stage);
  title('3. A broken document: refused, and nothing moves');
  report(await breakDocument(stage, second));
  title('4. The commit is reverted: nothing is built, and the nodes return to the first image');
  const back = await revert(stage, first);
  report(back);
  await rest(stage);
  title('5. A fix in the base image: it flows through by itself, without a commit');
  const fixed = await fixBase(stage, back);
  report(fixed);
  await rest(stage);
  await playTrust(stage, fixed, { report, title });
  const last = await playAddons(stage, fixed, { report, title });
  const reason = withoutPackages();
  if (reason === undefined) await playPackages(stage, last, { report, title });
  else title(`Steps 11 and 12 install packages, and are left out here: ${reason}`);
  if (stage.installation) {
    title('13. The node that the operator itself runs on: its host boots the system as well, and the operator comes back');
    report(await updateOwnNode(stage, stage.installation, last));
  }
  narration.end();
}

async function playTrust(
  stage: Stage,
  running: StepReport,
  { report, title }: Pick<PlayOptions, 'report'> & { title: (text: string) => void },
): Promise<void> {
  title('6. An unsigned image, pushed by hand: it never becomes a target, and the pool says why');
  const { report: refused, byHand } = await refuseImage(stage, running);
  report(refused);
  title('7. An unsigned commit: refused, and nothing of it is applied');
  report(await refuseCommit(stage, running));
  title(
    '8. The image is signed and rolls out; midway its key is revoked: nothing more is staged or armed, and no node is rebooted for it',
  );
  report(await revokeKey(stage, byHand, running));
}

async function playAddons(
  stage: Stage,
  running: StepReport,
  { report, title }: Pick<PlayOptions, 'report'> & { title: (text: string) => void },
): Promise<StepReport> {
  title('9. An addon is updated: no image of the system is built, and each node boots the one that it has with the new addon');
  const updated = await updateAddon(stage, running);
  report(updated);
  await rest(stage);
  title('10. A new release of the system, for which the addon is not made yet: every node waits until it is');
  const released = await waitForAddon(stage, updated);
  report(released);
  await rest(stage);
  return released;
}

async function playPackages(
  stage: Stage,
  running: StepReport,
  { report, title }: Pick<PlayOptions, 'report'> & { title: (text: string) => void },
): Promise<void> {
  const tools = await setTools(stage.environment, stage.builder);
  try {
    title('11. A package: its foundation is built once, and a change of a file never runs the package manager again');
    report(await installPackage(stage, tools, running));
    title('12. A package that does not exist: the build says what failed, and the last image stays');
    report(await failBuild(stage, tools, running));
  } finally {
    await tools.repository.stop();
  }
}

/** A step's figures are its own: pods that still start after a rollout are waited for. */
async function rest({ workload, environment }: Stage): Promise<void> {
  const replicas = environment.nodes.length + 1;
  for (let i = 0; i < 600 && workload.available < replicas; i++) await sleep(100);
}

/** A SystemSource that follows the repository. */
export async function createSource({ admin }: Pick<Environment, 'admin'>, url: string): Promise<void> {
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'fleet' },
    spec: { url, allowInsecure: true, path: 'systems', interval: '1s' },
  };
  await admin.apply(systemsources, source, { fieldManager: 'kubectl' });
}
