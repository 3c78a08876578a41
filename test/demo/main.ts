/**
 * `npm run demo [-- --nodes 5 --helm --json --keep]`: from a commit to booted nodes, on real servers and simulated nodes.
 * Exit code 0 only when every statement was checked and holds.
 */
import { parseArgs } from 'node:util';
import { programFor } from '../cluster/program.ts';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import { refuseFlagsOfNpm } from '../tools/npm-flags.ts';
import { withoutPackages } from './build-steps.ts';
import { Narration } from './narration.ts';
import { play, setStage, type PlayOptions } from './play.ts';
import { chainTable, type DemoReport, type StepReport } from './report.ts';

const usage = `Usage: npm run demo [-- FLAGS]
  --nodes N   simulated nodes, 2 to 50 (default 5)
  --helm      the controller, the agents and the builds as pods of what Helm installs, on a real node beside the simulated ones
  --json      one JSON document on standard output, everything else on standard error
  --keep      leave everything running at the end, until Ctrl-C
  --source    run the sources instead of the bundle
`;

/** Those of the step that only an installation has. */
const ownNodeStatements = 7;
/** Those of the two steps that need buildah and apt. */
const packageStatements = [8, 6];
/** The statements that every demo checks, step by step: one that was left out is not one that holds. */
const commonStatements = [12, 14, 6, 14, 13, 8, 4, 7, 14, 17];

interface Arguments {
  nodes: number;
  helm: boolean;
  json: boolean;
  keep: boolean;
  source: boolean;
  /** How many statements each step must check. */
  statementsExpected: readonly number[];
}

function readArguments(): Arguments {
  try {
    refuseFlagsOfNpm(['nodes', 'helm', 'json', 'keep', 'source']);
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string', default: '5' },
        helm: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        source: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    const nodes = Number(values.nodes);
    if (!Number.isInteger(nodes) || nodes < 2 || nodes > 50)
      throw new Error(`--nodes is a number from 2 to 50, not ${values.nodes}`);
    if (values.helm && values.source)
      throw new Error('--helm installs images, which have the bundle: --source does not go with it');
    const missing = values.helm ? withoutRealNode(podImageNeeds) : false;
    if (missing) throw new Error(`--helm cannot be played here: ${missing}`);
    const packages = withoutPackages() === undefined ? packageStatements : [];
    const statementsExpected = [...commonStatements, ...packages, ...(values.helm ? [ownNodeStatements] : [])];
    return { ...values, nodes, statementsExpected };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

/** What does not hold, or was not checked. */
function failures(steps: readonly StepReport[], statementsExpected: readonly number[]): string[] {
  const broken = steps.flatMap(step => step.statements.filter(s => !s.holds).map(s => `${step.name}: ${s.statement}`));
  const unchecked = statementsExpected.flatMap((expected, i) => {
    const checked = steps[i]?.statements.length ?? 0;
    return checked === expected ? [] : [`step ${i + 1}: ${checked} of ${expected} statements were checked`];
  });
  return [...broken, ...unchecked];
}

function untilInterrupted(): Promise<void> {
  return new Promise(resolve => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

async function main(): Promise<number> {
  const { nodes, helm, json, keep, source, statementsExpected } = readArguments();
  const narration = new Narration(json ? process.stderr : process.stdout);
  const steps: StepReport[] = [];
  let error: string | undefined;
  let end: (() => Promise<void>) | undefined;
  const interrupted = untilInterrupted();
  try {
    const options: PlayOptions = {
      nodes,
      narration,
      program: helm ? 'helm' : await programFor({ source }),
      report: step => steps.push(step),
    };
    const set = await setStage(options);
    end = set.end;
    const played = await Promise.race([play(set.stage, options).then(() => 'played'), interrupted]);
    if (played !== 'played') throw new Error('interrupted');
    narration.say();
    for (const line of chainTable(steps)) narration.say(line);
    narration.say();
    if (keep) {
      narration.say(
        `Everything runs until Ctrl-C. Look around with\n  export KUBECONFIG=${set.stage.environment.controlPlane.adminKubeconfig}`,
      );
      narration.say('  kubectl get systemsources,systemdefinitions,imagebuilds,systempools,nodetargets');
      narration.say(`The repository is ${set.stage.repository.url}`);
      await interrupted;
    }
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  } finally {
    narration.end();
    await end?.();
  }
  const broken = failures(steps, statementsExpected);
  const ok = error === undefined && broken.length === 0;
  const seconds = Math.round(narration.seconds * 10) / 10;
  if (error !== undefined) narration.say(`The demo ended early: ${error}`);
  else for (const line of broken) narration.say(`Does not hold: ${line}`);
  const checked = steps.reduce((sum, step) => sum + step.statements.length, 0);
  if (ok) narration.say(`All ${checked} statements were checked and hold; ${seconds} s in all.`);
  const report: DemoReport = { ok, ...(error === undefined ? {} : { error }), seconds, steps };
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  return ok ? 0 : 1;
}

const code = await main();
// A play that was cut short still waits for what does not come any more.
process.stdout.write('', () => process.exit(code));
