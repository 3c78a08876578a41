/** Trust without any policy, as it is before somebody makes one. */
import type { Judgement } from '../../controller/trust/judgement.ts';
import type { Trust } from '../../controller/trust/trust.ts';

const basis = 'none';

export const withoutPolicies: Pick<Trust, 'judgeImage' | 'basis' | 'withdrawn' | 'onChange'> = {
  judgeImage: async ({ image }): Promise<Judgement> => ({
    decision: 'NotConfigured',
    reason: 'NotConfigured',
    message: 'there is no TrustPolicy for images',
    digest: image.slice(image.lastIndexOf('@') + 1),
    basis,
    signers: [],
    candidates: [],
  }),
  basis: () => basis,
  withdrawn: () => undefined,
  onChange: () => () => undefined,
};

/** The same for commits. */
export const withoutGitPolicies: Pick<Trust, 'gitRules' | 'judged' | 'unjudged'> = {
  gitRules: name => ({ subject: 'Git', name, configured: false, governing: [], revoked: [], basis }),
  judged: () => undefined,
  unjudged: () => undefined,
};
