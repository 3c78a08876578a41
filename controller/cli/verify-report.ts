/** What `scantling verify` answers: pure. The document's shape is described in docs/cli.md and stays. */
import type { CandidateVerdict, Decision, Judgement, Signer } from '../trust/judgement.ts';
import { plainText } from '../trust/plain-text.ts';
import type { CandidateReason } from '../trust/reasons.ts';
import type { Subject } from '../trust/rules.ts';
import { painter, type Paint, type Terminal } from './terminal.ts';

export interface Verification extends Judgement {
  kind: 'Verification';
  subject: Subject;
  /** What was asked for, and what that is: an image by its digest, or a commit. */
  asked: string;
  what: string;
}

/** 0: trusted. 1: refused. 4: let through without being trusted, because of a mode or because there is no policy. */
export function exitCodeOf(decision: Decision): 0 | 1 | 4 {
  if (decision === 'Trusted') return 0;
  return decision === 'Refused' ? 1 : 4;
}

const styles: Readonly<Record<Decision, Parameters<Paint>[0]>> = {
  Trusted: 'green',
  Refused: 'red',
  Warned: 'yellow',
  Skipped: 'yellow',
  NotConfigured: 'yellow',
};

export function verificationText(verification: Verification, terminal: Terminal): string {
  const { decision, what, message, policy, generation, until, signers, candidates } = verification;
  const paint = painter(terminal);
  const lines = [
    `${paint(styles[decision], decision)}: ${what}`,
    `  ${plainText(message, 4096)}`,
    ...(policy === undefined ? [] : [`  by TrustPolicy ${policy}${generation ? `, generation ${generation}` : ''}`]),
    ...(until === undefined ? [] : [`  until ${until}`]),
    ...section('Signed by', signers.map(signerLine)),
    ...section(
      'Looked at',
      candidates.toSorted(byWeight).map(c => candidateLine(c, paint)),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map(line => `  ${line}`)];
}

function signerLine({ authority, key, identity, form, predicateType, logIndex, time }: Signer): string {
  return [
    authority,
    form,
    key ?? (identity ? `${plainText(identity.subject, 512)} (${plainText(identity.issuer, 512)})` : ''),
    ...(predicateType === undefined ? [] : [plainText(predicateType, 256)]),
    ...(logIndex === undefined ? [] : [`log entry ${logIndex}`]),
    ...(time === undefined ? [] : [time]),
  ]
    .filter(Boolean)
    .join('  ');
}

/** What was accepted first, then what was refused, and last what nobody asks for; the registry's order says nothing. */
function byWeight(a: CandidateVerdict, b: CandidateVerdict): number {
  return weight(a) - weight(b) || (a.form === b.form ? a.message.localeCompare(b.message) : b.form < a.form ? -1 : 1);
}

function weight({ accepted, reason }: CandidateVerdict): number {
  return accepted ? 0 : reason === ('NotASignature' satisfies CandidateReason) ? 2 : 1;
}

function candidateLine({ form, digest, accepted, authority, reason, message }: CandidateVerdict, paint: Paint): string {
  // What nobody asks for takes nothing away.
  const without = reason === ('NotASignature' satisfies CandidateReason) ? paint('dim', 'ignored ') : paint('red', 'refused ');
  const mark = accepted ? paint('green', 'accepted') : without;
  const whom = authority === undefined ? '' : ` ${authority}:`;
  return `${mark} ${form} ${digest}${whom} ${reason}: ${plainText(message, 1024)}`;
}
