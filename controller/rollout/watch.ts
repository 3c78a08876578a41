/** Which changes are worth a look at which pools. */
import { isDeepStrictEqual } from 'node:util';
import type { DefinitionImageView, NodeTargetView, NodeView, SystemPoolView } from './projection.ts';
import type { Trust } from '../trust/trust.ts';
import type { PoolStores } from './dependencies.ts';
import { matches } from './select.ts';

export type Enqueue = (pool: string, o?: { afterMs?: number }) => void;

/** Changes come in bunches; a pool looks at a bunch at once. */
const bunchMs = 50;

/** Wakes pools when something changes that they go by. Returns the function that ends it. */
export function watchPools(stores: PoolStores, trust: Pick<Trust, 'onChange'>, enqueue: Enqueue): () => void {
  const { pools } = stores;
  const wake = (names: Iterable<string>): void => {
    for (const name of new Set(names)) enqueue(name, { afterMs: bunchMs });
  };
  const ends = [
    pools.onChange((name, now, before) => {
      if (now && before && sameOrder(now, before)) return;
      enqueue(name);
      // Another selector may make or end a conflict with any other pool.
      if (!isDeepStrictEqual(claim(now), claim(before))) wake(pools.keys());
    }),
    stores.nodes.onChange((_, now, before) => wake([now, before].flatMap(node => (node ? poolsOf(node, pools.list()) : [])))),
    stores.nodeTargets.onChange((_, now, before) => {
      // A heartbeat is only read when something else has changed.
      if (now && before && sameButHeartbeat(now, before)) return;
      wake([now, before].flatMap(target => target?.pool ?? []));
    }),
    stores.definitions.onChange((_, now, before) => wake(poolsUsing((now ?? before)?.name, pools.list()))),
    // Its variants may be what nodes wait for.
    stores.addons.onChange(() => wake(pools.keys())),
    // What every node runs, and is to run, is judged anew.
    trust.onChange(() => wake(pools.keys())),
  ];
  return () => ends.forEach(end => end());
}

/** What a person, not this controller, writes on a pool. */
function sameOrder(now: SystemPoolView, before: SystemPoolView): boolean {
  return (
    now.generation === before.generation &&
    now.deleting === before.deleting &&
    now.requestedAt === before.requestedAt &&
    isDeepStrictEqual(now.finalizers, before.finalizers)
  );
}

function claim(pool: SystemPoolView | undefined): object | undefined {
  return pool && !pool.deleting ? pool.spec.nodeSelector : undefined;
}

function poolsOf(node: NodeView, pools: readonly SystemPoolView[]): string[] {
  const selecting = pools.filter(p => matches(p.spec.nodeSelector, node.labels)).map(p => p.name);
  return node.cordon ? [...selecting, node.cordon.pool] : selecting;
}

function sameButHeartbeat(now: NodeTargetView, before: NodeTargetView): boolean {
  return isDeepStrictEqual(withoutHeartbeat(now), withoutHeartbeat(before));
}

function withoutHeartbeat(target: NodeTargetView): object {
  return { ...target, resourceVersion: '', host: target.host && { ...target.host, reportedAt: 0 } };
}

function poolsUsing(definition: DefinitionImageView['name'] | undefined, pools: readonly SystemPoolView[]): string[] {
  return pools.filter(p => p.spec.system.definitionRef?.name === definition).map(p => p.name);
}
