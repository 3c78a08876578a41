/** What must hold after a whole pass of a pool, because of trust. */
import assert from 'node:assert/strict';
import type { PoolState } from '../../controller/rollout/pool-state.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';

/** Nothing that is not allowed waits for a node to boot it. `refusing`: nodes whose writes the API server refuses. */
export function checkWithdrawn({ members, trust }: PoolState, refusing: readonly string[]): void {
  for (const { image } of trust.refused) {
    for (const { node, nodeTarget } of members) {
      if (nodeTarget?.pool !== 'pool' || !names(nodeTarget, image) || refusing.includes(node.name)) continue;
      const { host } = nodeTarget;
      const runs = runsTarget(nodeTarget);
      const onItsWay = isUnderWay(host) || host?.bootID !== node.bootID;
      assert(runs || onItsWay, `${node.name} still has ${image} before it, which is not allowed`);
    }
  }
}

/** What its agent does not break off. */
function isUnderWay(host: NodeTargetView['host']): boolean {
  return host?.phase === 'Rebooting' || host?.phase === 'Applying';
}

function names({ image, addons }: NodeTargetView, artifact: string): boolean {
  return image === artifact || (addons?.addons ?? []).some(addon => addon.image === artifact);
}

/** With the very addons. */
function runsTarget({ host, digests, addons }: NodeTargetView): boolean {
  return digests.includes(host?.booted ?? '') && host?.set === addons?.digest;
}

/** No node has a go-ahead that it may still use in time for an image that nobody can judge. */
export function checkRecalled({ target, trust, members, now, timeouts }: PoolState, refusing: readonly string[]): void {
  const unknown = [...(trust.unknown && target ? [target.image] : []), ...(trust.unjudged ?? []).map(of => of.image)];
  for (const { node, nodeTarget } of members) {
    if (nodeTarget?.pool !== 'pool' || nodeTarget.deleting || nodeTarget.state !== 'Booted') continue;
    if (!unknown.some(image => names(nodeTarget, image)) || refusing.includes(node.name)) continue;
    const { host } = nodeTarget;
    const used = nodeTarget.verdict?.approval === nodeTarget.approval || isUnderWay(host);
    const isBack = host?.bootID !== node.bootID || runsTarget(nodeTarget);
    const isOver = now >= nodeTarget.since + timeouts.reboot;
    assert(used || isBack || isOver, `${node.name} still has a go-ahead for ${nodeTarget.image}, which nobody can judge`);
  }
}
