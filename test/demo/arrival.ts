/** When a commit has arrived on all nodes, and what must be true of the way there. */
import { isDeepStrictEqual } from 'node:util';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import { readiness, type Change, type Fleet } from '../cluster/fleet.ts';
import type { Stage, Step } from './stage.ts';

/** The revision that a commit of the demo's branch has in every status. */
export function revisionOf(commit: string): string {
  return `main@sha1:${commit}`;
}

/** True when definition, pool, every target and every node have come to the commit and are at rest. */
export function hasArrived(stage: Pick<Stage, 'fleet' | 'environment'>, commit: string): boolean {
  const definition = stage.fleet.stores.definitions.get('worker')?.status;
  if (definition?.revision !== revisionOf(commit) || !readiness(definition).ready) return false;
  return isRolledOut(stage, { revision: revisionOf(commit), image: definition.image ?? '' });
}

/** True when the pool and every node have come to this image of this revision, with their addons, and are at rest. */
export function isRolledOut(
  { fleet, environment }: Pick<Stage, 'fleet' | 'environment'>,
  wanted: { revision: string; image: string },
): boolean {
  const pool = fleet.stores.pools.get('workers')?.status;
  if (pool?.target?.revision !== wanted.revision || !readiness(pool).ready) return false;
  return environment.nodes.every(({ name }) => nodeRuns(fleet, name, wanted));
}

function nodeRuns(fleet: Fleet, name: string, wanted: { revision: string; image: string }): boolean {
  const target = fleet.stores.targets.get(name);
  const node = fleet.stores.nodes.get(name);
  const { host, verdict } = target?.status ?? {};
  if (!target || !node || !host) return false;
  return (
    target.spec.image === wanted.image &&
    target.spec.revision === wanted.revision &&
    target.spec.digests.includes(host.booted?.digest ?? '') &&
    target.spec.addonSet !== undefined &&
    target.spec.addonSet === host.addons?.set &&
    verdict?.type === 'Succeeded' &&
    verdict.approval === target.spec.approval &&
    readiness(target.status).ready &&
    node.ready &&
    !node.cordoned &&
    node.bootID === host.bootID
  );
}

/** Checks what every rollout must keep, whatever it rolls out. `bootsBefore` are the boot IDs by node. */
export function checkRollout(step: Step, commit: string, bootsBefore: ReadonlyMap<string, string>): void {
  const { environment, fleet, workload, maxUnavailable, minAvailablePods } = step.stage;
  const names = environment.nodes.map(n => n.name);
  const views = names.map(name => ({ name, node: fleet.stores.nodes.get(name), target: fleet.stores.targets.get(name) }));

  step.check(
    `kubectl says of every node that it runs ${commit.slice(0, 10)}`,
    views.every(v => v.target?.status?.host?.booted?.revision === revisionOf(commit)),
    () => JSON.stringify(Object.fromEntries(views.map(v => [v.name, v.target?.status?.host?.booted?.revision]))),
  );
  step.check(
    'every node was rebooted exactly once, and its kubelet, its agent and its host name the same boot ID',
    environment.nodes.every(node => {
      const before = bootsBefore.get(node.name);
      const ids = [
        node.bootID,
        fleet.stores.nodes.get(node.name)?.bootID,
        fleet.stores.targets.get(node.name)?.status?.host?.bootID,
      ];
      return node.bootID !== before && new Set(ids).size === 1;
    }) &&
      isDeepStrictEqual(
        names.map(name => awayTimes(fleet.changes, name)),
        names.map(() => 1),
      ),
    () => JSON.stringify(fleet.changes),
  );
  const [first, ...others] = fleet.changes.filter(c => !c.available);
  const back = fleet.changes.find(c => c.available && c.node === first?.node);
  step.check(
    'one canary went first and was back before any other node went away',
    first !== undefined && back !== undefined && others.every(c => fleet.changes.indexOf(c) > fleet.changes.indexOf(back)),
    () => JSON.stringify(fleet.changes),
  );
  step.check(
    `never more than ${maxUnavailable} nodes were unavailable (most: ${fleet.mostUnavailable})`,
    fleet.mostUnavailable <= maxUnavailable,
    String(fleet.mostUnavailable),
  );
  step.check(
    `the Deployment never had fewer than ${minAvailablePods} available pods (least: ${workload.least})`,
    workload.least >= minAvailablePods,
    String(workload.least),
  );
  step.check('no pod was on a node when it went down, but those of DaemonSets', step.interrupted.length === 0, () =>
    step.interrupted.join(', '),
  );
  step.check('no cordon is left', fleet.unavailable.length === 0, () => fleet.unavailable.join(', '));
}

function awayTimes(changes: readonly Change[], node: string): number {
  return changes.filter(c => c.node === node && !c.available).length;
}

/** Reads the image from the registry, past everything of ours: each node booted its own platform's manifest, and that holds the text. */
export async function checkImage(step: Step, image: string, holds: string): Promise<void> {
  const { environment, fleet } = step.stage;
  const registry = createRegistry({ insecureHosts: new Set([environment.registry.host]), userAgent: 'scantling-demo' });
  try {
    const repository = image.slice(0, image.indexOf('@'));
    const index = (await registry.manifest(image)).json as { manifests: Descriptor[] };
    const platforms = new Map(index.manifests.map(m => [m.platform?.architecture, m.digest]));
    step.check(
      'every node booted the manifest of its own architecture',
      environment.nodes.every(({ name }) => {
        const architecture = fleet.stores.nodes.get(name)?.architecture;
        return fleet.stores.targets.get(name)?.status?.host?.booted?.digest === platforms.get(architecture);
      }),
      () => JSON.stringify([...platforms]),
    );
    const found: (string | undefined)[] = [];
    for (const [architecture, digest] of platforms) {
      const manifest = (await registry.manifest(`${repository}@${digest}`)).json as { layers: Descriptor[] };
      for (const layer of manifest.layers)
        if (Buffer.from(await registry.blob(repository, layer.digest)).includes(holds)) found.push(architecture);
    }
    step.check(
      `the image holds the committed file, for ${[...platforms.keys()].join(' and ')}`,
      platforms.size === 2 && isDeepStrictEqual(found, [...platforms.keys()]),
      () => `found for ${found.join(', ') || 'none'}`,
    );
  } finally {
    await registry.close();
  }
}
