/** Ten moments of a rollout at which an administrator may come along. What a point needs to last is held until it is released. */
import { readdirSync } from 'node:fs';
import { conditionOf } from '../../controller/api/conditions.ts';
import { clearFaults, injectFault, type Fault } from '../cluster/host/faults.ts';
import { hostPaths } from '../cluster/host/state.ts';
import { poolName, type Rollout, type Scene } from './scene.ts';

export interface Point {
  name: string;
  /** Before the rollout begins. */
  hold?(scene: Scene): Promise<void> | void;
  reached(scene: Scene, rollout: Rollout): boolean;
  /** So that the rollout can go on. */
  release?(scene: Scene): Promise<void> | void;
  /** The rollout ends here, with one node that failed. */
  halts?: true;
}

const targets = ({ fleet }: Scene) => fleet.stores.targets.list();
const isNew = (target: ReturnType<typeof targets>[number], { reference }: Rollout) => target.spec.image === reference;
const runs = (target: ReturnType<typeof targets>[number]) =>
  target.spec.digests.includes(target.status?.host?.booted?.digest ?? '');
const done = (scene: Scene, rollout: Rollout) => targets(scene).filter(t => isNew(t, rollout) && runs(t)).length;
const away = ({ fleet }: Scene) => fleet.stores.nodes.list().filter(node => !node.ready);
const cordoned = ({ fleet }: Scene) => fleet.stores.nodes.list().filter(node => node.cordoned);

function onAllHosts({ installation }: Scene, fault: Fault): void {
  for (const { host } of installation.nodes) injectFault(host.directory, fault);
}

function noFaults({ installation }: Scene): void {
  for (const { host } of installation.nodes) clearFaults(host.directory);
}

function pulls({ host }: Scene['installation']['nodes'][number]): boolean {
  return readdirSync(hostPaths(host.directory).units).length > 0;
}

export const points: readonly Point[] = [
  {
    name: 'the pool has its target, and no node has anything of it',
    reached: (scene, { reference }) => scene.fleet.stores.pools.get(poolName)?.status?.target?.image === reference,
  },
  {
    name: 'nodes are pulling',
    hold: scene => onAllHosts(scene, { kind: 'SlowPull', ms: 8_000, times: 1 }),
    // An agent does not write that it has begun: its host's units tell.
    reached: (scene, rollout) => targets(scene).some(t => isNew(t, rollout)) && scene.installation.nodes.some(pulls),
    release: noFaults,
  },
  {
    name: 'all nodes have staged, and none may go',
    hold: scene => scene.allowUnavailable(0),
    reached: (scene, rollout) =>
      targets(scene).every(t => isNew(t, rollout) && t.spec.digests.includes(t.status?.host?.staged?.digest ?? '')),
    release: scene => scene.allowUnavailable(1),
  },
  {
    name: 'a node is being drained',
    hold: scene => scene.allowEvictions(false),
    reached: (scene, rollout) =>
      targets(scene).some(t => isNew(t, rollout) && t.status?.rollout?.phase === 'Draining') && cordoned(scene).length > 0,
    release: scene => scene.allowEvictions(true),
  },
  {
    name: 'a node has its go-ahead, and does not go down',
    hold: scene => onAllHosts(scene, { kind: 'RebootRefused' }),
    reached: (scene, rollout) => targets(scene).some(t => isNew(t, rollout) && t.spec.state === 'Booted' && !runs(t)),
    release: noFaults,
  },
  {
    name: 'a node is down',
    reached: scene => away(scene).length > 0,
  },
  {
    name: 'a node is back, and still cordoned',
    reached: (scene, rollout) =>
      cordoned(scene).some(node => {
        const simulated = scene.installation.nodes.find(n => n.name === node.name);
        const before = rollout.bootsBefore.get(node.name) ?? 0;
        return node.ready && simulated !== undefined && simulated.boots.length > before && simulated.bootID === node.bootID;
      }),
  },
  {
    name: 'one node is done, and no other has begun',
    reached: (scene, rollout) => done(scene, rollout) > 0 && scene.fleet.unavailable.length === 0,
  },
  {
    name: 'the rollout has halted, because a node fell back',
    hold: scene => onAllHosts(scene, { kind: 'FallsBack' }),
    reached: scene =>
      conditionOf(scene.fleet.stores.pools.get(poolName)?.status?.conditions, 'Ready')?.reason === 'RolloutHalted',
    release: noFaults,
    halts: true,
  },
  {
    name: 'every node is done',
    reached: (scene, rollout) => done(scene, rollout) === scene.installation.nodes.length && scene.fleet.unavailable.length === 0,
  },
];
