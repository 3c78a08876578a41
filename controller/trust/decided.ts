/** What the policies alone decide, without a look at any signature: pure. */
import type { Judgement } from './judgement.ts';
import type { JudgementReason } from './reasons.ts';
import type { Governing, ImageAuthority, GitAuthority, Rules } from './rules.ts';

/** The judgement of what no policy asks a signature of: nothing is configured, no policy covers the name, or all that govern it say Skip. */
export function decidedByRules(rules: Rules, digest: string): Judgement | undefined {
  const { name, subject, basis, governing } = rules;
  const common = { digest, basis, signers: [], candidates: [] };
  if (!rules.configured) {
    const message = `there is no TrustPolicy for ${nouns[subject]}: nothing is verified`;
    return { ...common, decision: 'NotConfigured', reason: 'NotConfigured' satisfies JudgementReason, message };
  }
  const [first] = governing;
  if (!first) {
    const message = `no TrustPolicy covers ${name}; add one, or one with scope.root and mode Skip`;
    return { ...common, decision: 'Refused', reason: 'NoPolicy' satisfies JudgementReason, message };
  }
  if (governing.some(({ mode }) => mode !== 'Skip')) return undefined;
  const { policy, generation } = first;
  const message = `TrustPolicy ${policy} has mode Skip for ${name}: nothing is verified`;
  return { ...common, policy, generation, decision: 'Skipped', reason: 'Skipped' satisfies JudgementReason, message };
}

/** The rules without policies that do not look. */
export function lookingRules<A extends ImageAuthority | GitAuthority>(rules: Rules<A>): Rules<A> {
  return { ...rules, governing: rules.governing.filter(({ mode }: Governing<A>) => mode !== 'Skip') };
}

const nouns = { Image: 'images', Git: 'commits' } as const;
