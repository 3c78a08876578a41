/** The step of the demo that only an installation has: a real node, whose agent is the DaemonSet's pod, and which the operator itself runs on. */
import { pods } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import type { Installation } from '../cluster/installation.ts';
import { readiness } from '../cluster/fleet.ts';
import { writesOf } from './api-writes.ts';
import { revisionOf } from './arrival.ts';
import { short, shortDigest, type NodeReport, type StepReport } from './report.ts';
import { ownNodePool, paths } from './repository.ts';
import { Step, stepTimeoutMs, type Stage } from './stage.ts';
import { bootIDs, explain } from './steps.ts';

/** (13) A pool of the node that the operator runs on: it is staged, told to reboot, goes down with every replica, and is judged when it is back. */
export async function updateOwnNode(stage: Stage, installation: Installation, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, "the operator's own node");
  const { fleet, narration } = stage;
  const { realNode, realHost } = installation;
  const others = bootIDs(stage);
  const before = realHost.bootID;
  const restartsBefore = await restarts(installation);
  const commit = await stage.repository.commit({ [paths.ownNode]: ownNodePool(realNode.name) }, 'Update the own node');
  narration.tell(`commit ${short(commit)}: a pool of the node ${realNode.name}, where the pods are real`);
  await fleet.until(`${realNode.name} runs the system`, () => runs(stage, realNode.name, commit), {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
  const target = fleet.stores.targets.get(realNode.name);
  step.check('no build was run', step.buildsRun === 0, String(step.buildsRun));
  step.check(
    "its agent, the DaemonSet's pod, reports the image that the other nodes run",
    target?.spec.image === running.image && target.spec.digests.includes(target.status?.host?.booted?.digest ?? ''),
    () => JSON.stringify(target),
  );
  step.check(
    'its host was rebooted exactly once, and its kubelet, its agent and its host name the same boot ID',
    realHost.boots.length === 1 &&
      realHost.bootID !== before &&
      [fleet.stores.nodes.get(realNode.name)?.bootID, target?.status?.host?.bootID].every(id => id === realHost.bootID),
    () => JSON.stringify([realHost.boots, target?.status?.host]),
  );
  step.check('the verdict is Succeeded', target?.status?.verdict?.type === 'Succeeded', target?.status?.verdict?.type);
  await installation.controller.ready();
  const restartsAfter = await restarts(installation);
  step.check(
    'both replicas of the controller went down with it, and came back',
    restartsAfter.length === 2 && restartsAfter.every((count, i) => count > (restartsBefore[i] ?? 0)),
    () => JSON.stringify([restartsBefore, restartsAfter]),
  );
  step.check(
    'no other node was touched',
    [...bootIDs(stage)].every(([name, id]) => others.get(name) === id),
    () => JSON.stringify(fleet.changes),
  );
  step.check('no cordon is left', fleet.unavailable.length === 0, () => fleet.unavailable.join(', '));
  narration.tell(`${realNode.name} runs ${shortDigest(running.imageDigest)}`);
  const report = await step.end(commit, running.image);
  return { ...report, nodes: [...report.nodes, ownNode(stage, installation)] };
}

/** Its pods are the operator's own, and stay. */
function ownNode({ fleet }: Stage, { realNode, realHost, proxy }: Installation): NodeReport {
  return {
    name: realNode.name,
    architecture: realHost.architecture,
    bootedDigest: fleet.stores.targets.get(realNode.name)?.status?.host?.booted?.digest ?? '',
    bootID: realHost.bootID,
    writes: writesOf(proxy.record, realNode.name),
    evictions: 0,
  };
}

function runs({ fleet }: Stage, name: string, commit: string): boolean {
  const target = fleet.stores.targets.get(name);
  const node = fleet.stores.nodes.get(name);
  const pool = fleet.stores.pools.get('own-node');
  return (
    pool !== undefined &&
    pool.status?.target !== undefined &&
    readiness(pool.status).ready &&
    fleet.stores.sources.get('fleet')?.status?.lastAppliedRevision === revisionOf(commit) &&
    target?.status?.verdict?.type === 'Succeeded' &&
    node?.ready === true &&
    !node.cordoned
  );
}

/** How often the container of each replica was started again. */
async function restarts({ admin }: Installation): Promise<number[]> {
  const labelSelector = 'app.kubernetes.io/name=scantling,app.kubernetes.io/component=controller';
  const { items } = await admin.list(pods, { namespace: defaultNamespace, labelSelector });
  return items
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map(pod => (pod.status?.containerStatuses?.[0] as { restartCount?: number } | undefined)?.restartCount ?? 0);
}
