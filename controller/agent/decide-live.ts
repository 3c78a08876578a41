/** What the agent does next with a change of addons on the running host: pure, and a part of `decide`. */
import { approvedIn } from '../api/approval.ts';
import { appliesLive } from './addons/plan.ts';
import type { AddonFacts } from './addons/plan.ts';
import type { Facts, Situation, Step } from './decide.ts';
import type { Intent } from './memory.ts';
import { bootTroubleAhead, stalled } from './rests.ts';
import { digestOf, nameOf } from './target.ts';

/** How often the script is begun before the former set is to be merged again, and how often then. */
const mostRuns = 3;

/** An intent with its change on the running host. */
export type LiveChange = Intent & Required<Pick<Intent, 'live'>>;

export function isLiveChange(intent: Intent | undefined): intent is LiveChange {
  return intent?.live !== undefined;
}

/** It goes on to its end. */
export function isBegun({ live }: LiveChange): boolean {
  return live.begun > 0 || live.back === true;
}

/** What is said while addons change on the running host. */
export function applyingSituation({ image, revision }: { image: string; revision?: string | undefined }): Situation {
  const message = `changes the addons over ${nameOf(revision, digestOf(image))} without a reboot`;
  return { phase: 'Applying', condition: { kind: 'Progressing', reason: 'Applying', message } };
}

/** The part of an intent that a go-ahead for the running host adds. */
export function liveIntent(approval: string, { addons }: Pick<Facts, 'addons'>): Pick<Intent, 'live'> {
  return approvedIn(approval).live ? { live: { before: addons?.seal?.live?.at ?? null, begun: 0 } } : {};
}

/** Why a go-ahead for the running host is not acted on; undefined where it is, or is for a reboot. */
export function cannotApply(approval: string, { addons }: Pick<Facts, 'addons'>): Step | undefined {
  if (!approvedIn(approval).live || appliesLive(addons)) return undefined;
  return stalled('LiveImpossible', 'the scripts of the image that runs cannot change addons without a reboot');
}

/** Under a go-ahead for the running host nothing is booted. */
export function otherImage(approval: string): Step | undefined {
  if (!approvedIn(approval).live) return undefined;
  return stalled('LiveImpossible', 'the go-ahead is for the addons of the running host, and another image runs there');
}

/** The new record is armed: what is merged follows. */
export function applyLive(facts: Facts, intent: LiveChange): Step {
  const { spec } = facts;
  return bootTroubleAhead(facts) ?? { do: 'ApplyLive', intent, situation: applyingSituation(spec) };
}

/**
 * A change that was begun goes on to its end, whatever became of the go-ahead: half of one is what nobody wants. The script takes a set back that does
 * not merge; where it never comes to its end, the former record is put back and the script run for that.
 */
export function followLive(facts: Facts, intent: LiveChange): Step {
  const { live } = intent;
  if (hasEnded(facts.addons, intent) || (live.back && live.begun >= mostRuns)) return { do: 'Judge', intent };
  if (!live.back && live.begun >= mostRuns) return { do: 'TakeBackLive', intent };
  const step = applyLive(facts, intent);
  // Between two tries it is under way all the same.
  return step.do === 'Rest' ? { ...step, situation: { ...step.situation, phase: 'Applying' } } : step;
}

/** The script came to its end and said so. */
export function hasEnded(addons: AddonFacts | undefined, { live: { before } }: LiveChange): boolean {
  const at = addons?.seal?.live?.at;
  return at !== undefined && at !== before;
}
