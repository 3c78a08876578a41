/** What keeps single nodes: addons that trust does not let them have, or an agent that cannot merge any. Pure. */
import type { Member } from './classify.ts';
import type { TrustState } from './pool-state.ts';
import type { NodeTargetView } from './projection.ts';
import type { PoolReason } from './reasons.ts';

/** Everything of a target that trust is asked of: the image, and the artifact of each addon. */
export function artifactsOf({ image, addons }: Pick<NodeTargetView, 'image' | 'addons'>): string[] {
  return [image, ...(addons?.addons ?? []).map(addon => addon.image)];
}

/** The member with what keeps it, besides what it came with: that the addons it is to have are not known. */
export function heldMember<M extends Member>(member: M, trust: TrustState): M {
  const { addons, nodeTarget } = member;
  if (!addons) return member;
  const { hold: _, ...rest } = member;
  const hold = trustHold(addons, trust) ?? agentHold(nodeTarget);
  return (hold ? { ...rest, hold } : rest) as M;
}

function trustHold({ addons }: NonNullable<Member['addons']>, { refused, unjudged = [] }: TrustState): Member['hold'] {
  if (refused.length + unjudged.length === 0) return undefined;
  for (const { name, image } of addons) {
    const no = refused.find(r => r.image === image);
    if (no) return { reason: no.reason, message: `addon ${name} is not trusted: ${no.message}`, stalled: true };
    const unknown = unjudged.find(r => r.image === image);
    if (unknown)
      return { reason: unknown.reason, message: `nobody can say whether addon ${name} is trusted: ${unknown.message}` };
  }
  return undefined;
}

/** An agent that has never reported may turn out to be able to. */
function agentHold(nodeTarget: NodeTargetView | undefined): Member['hold'] {
  const { host } = nodeTarget ?? {};
  if (!host || host.canMerge) return undefined;
  const reason = 'AgentTooOld' satisfies PoolReason;
  return {
    reason,
    message: `waits for an agent that can merge addons${host.agentVersion ? `, which ${host.agentVersion} cannot` : ''}`,
  };
}
