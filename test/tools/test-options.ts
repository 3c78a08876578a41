/** What `npm test` is told. */
import { parseArgs } from 'node:util';

export interface TestOptions {
  /** Only the files whose path contains one of them; none: all, and the checks before. */
  patterns: string[];
  /** Also what is tried in a part of its combinations otherwise. */
  thorough: boolean;
  /** How long the run may take with its set-up. */
  minutes: number;
}

/** Well within what CI gives a run, which would end it without a word of what was running. */
export const usualMinutes = 75;
const thoroughMinutes = 150;

/** Set in runs that try all combinations; the tests that know some look at it. */
export const thoroughVariable = 'SCANTLING_THOROUGH';

export const usage = `Usage: npm test [-- PATTERN…]
  Without a pattern: types, lint, format, unused code, generated files, and every test.
  PATTERN…              only the test files whose path contains one of the patterns, as npm test -- test/rollout
  --kubernetes VERSION  the servers of Kubernetes are of this supported version
  --minutes N           the run ends after so long, its set-up included, and says what was left (default ${usualMinutes}; ${thoroughMinutes} when thorough)
  --thorough            also all combinations of which a run has only some otherwise
`;

/** Reads the arguments; undefined when how they are used is asked for. Throws an Error that says what is wrong with them. */
export function readOptions(args: string[]): TestOptions | undefined {
  const { values, positionals, tokens } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    tokens: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      thorough: { type: 'boolean' },
      minutes: { type: 'string' },
    },
  });
  const unknown = tokens.find(token => token.kind === 'option' && !['help', 'thorough', 'minutes'].includes(token.name));
  if (unknown?.kind === 'option') throw new Error(`there is no flag ${unknown.rawName}`);
  if (values['help']) return undefined;
  const thorough = values['thorough'] === true;
  const { minutes: given } = values;
  const usual = thorough ? thoroughMinutes : usualMinutes;
  const minutes = given === undefined ? usual : Number(typeof given === 'string' ? given : Number.NaN);
  if (!(minutes > 0)) throw new Error('--minutes needs a number of minutes, such as --minutes 90');
  return { patterns: positionals, thorough, minutes };
}
