/** What a suspended source says of the commit that it has applied: nothing is read for it, and keys are revoked all the same. */
import { WaitingError, messageOf, reasonOf } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import type { SystemSource } from '../api/system-source.ts';
import { recordIn, stillStands, trustedCondition } from '../trust/judgement.ts';
import type { Trust } from '../trust/trust.ts';
import type { SourceReason } from './reasons.ts';
import { followed } from './revision.ts';
import { type ReadSecret, whatIsAsked } from './verify.ts';

/**
 * The condition SourceVerified: what was judged, while it stands; otherwise that nobody can say. Undefined where nothing was judged.
 * @throws WaitingError `TrustNotLoaded`
 */
export async function verifiedWhileSuspended(
  source: SystemSource,
  o: { trust: Pick<Trust, 'gitRules'>; readSecret: ReadSecret; now: () => number },
): Promise<Pick<Condition, 'status' | 'reason' | 'message'> | undefined> {
  const recorded = recordIn(source.status?.verification);
  if (!recorded) return undefined;
  try {
    const asked = await whatIsAsked(source, undefined, o);
    // Which object a tag pointed at is not known without asking the server, so there the keys alone are looked at.
    const isTag = asked.mode === 'Tag' && followed(source.spec.ref).kind === 'ref' && source.spec.ref.tag !== undefined;
    const revoked = new Set(asked.rules.revoked.map(({ fingerprint }) => fingerprint));
    const stands = isTag
      ? !recorded.signers.some(({ key }) => key !== undefined && revoked.has(key))
      : stillStands(recorded, { digest: recorded.digest, basis: asked.basis, now: o.now() });
    if (stands || recorded.decision === 'Refused') return trustedCondition(recorded);
  } catch (error) {
    if (error instanceof WaitingError) throw error;
    return { status: 'Unknown', reason: reasonOf(error), message: messageOf(error) };
  }
  const message = `spec.suspend is set, and who may sign has changed since commit ${recorded.digest.slice(0, 12)} was judged (${recorded.message}); it is judged again when spec.suspend is taken away`;
  return { status: 'Unknown', reason: 'Suspended' satisfies SourceReason, message };
}
