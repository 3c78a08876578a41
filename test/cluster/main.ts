/**
 * `npm run cluster`: the whole thing running until Ctrl-C, to try Scantling on. Prints where everything is and what to try, and writes
 * it to .scantling/cluster.json.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { setTools, withoutPackages, type Tools } from '../demo/build-steps.ts';
import { toolsDefinition } from '../demo/repository.ts';
import { refuseFlagsOfNpm } from '../tools/npm-flags.ts';
import { createEdge, poolLabel } from './edge.ts';
import { startEnvironment, type Environment } from './environment.ts';
import { programFor } from './program.ts';
import { createWorkload } from './workloads.ts';

const usage = `Usage: npm run cluster [-- FLAGS]
  --nodes N   simulated nodes, 1 to 50 (default 5)
  --source    run the sources instead of the bundle
`;
const root = join(import.meta.dirname, '../..');
const directory = join(root, '.scantling');
const file = join(directory, 'cluster.json');
/** In the repository, beside what the source follows. */
const example = 'examples/tools.yaml';

function readArguments(): { nodes: number; source: boolean } {
  try {
    refuseFlagsOfNpm(['nodes', 'source']);
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string', default: '5' },
        source: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const nodes = Number(values.nodes);
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > 50)
      throw new Error(`--nodes is a number from 1 to 50, not ${values.nodes}`);
    if (!values.help) return { source: values.source, nodes };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
  process.stdout.write(usage);
  process.exit(0);
}

/** Where everything is, for people and programs. */
interface Places {
  kubeconfig: string;
  gitUrl: string;
  registry: string;
  baseImage: string;
  outputRepository: string;
  nodes: string[];
  controllerLog: string;
  controllerUrl: string;
  /** A definition in the repository that installs a package from a repository of this cluster; null where no package can be installed. */
  packageExample: string | null;
}

function placesOf(environment: Environment, gitUrl: string, tools: Tools | undefined): Places {
  return {
    kubeconfig: environment.controlPlane.adminKubeconfig,
    gitUrl,
    registry: environment.registry.host,
    baseImage: environment.base.image,
    outputRepository: `${environment.registry.host}/systems/edge`,
    nodes: environment.nodes.map(n => n.name),
    controllerLog: environment.controller.logFile,
    controllerUrl: environment.controller.url,
    packageExample: tools ? example : null,
  };
}

function whatToTry(places: Places, program: readonly string[]): string {
  return `
Everything is running, until Ctrl-C. ${places.nodes.length} nodes carry the label pool=edge, and the first rollout to them has begun.

  KUBECONFIG         ${places.kubeconfig}
  Git URL            ${places.gitUrl}  (push without a password)
  Registry           ${places.registry}
  Base image         ${places.baseImage}
  Images go to       ${places.outputRepository}
  Controller's log   ${places.controllerLog}
  Metrics            ${places.controllerUrl}/metrics
  All of this        ${relative(process.cwd(), file)}

In another terminal:

export KUBECONFIG=${places.kubeconfig} REGISTRY=${places.registry}
alias scantling='${program.join(' ')}'
git clone ${places.gitUrl} && cd systems
kubectl get ssrc,sysdef,ib,spool,nt

Then change edge/motd, commit, push, and watch the nodes follow:

echo 'Welcome to the edge, again.' > edge/motd && git commit -a -m 'Greet again' && git push
kubectl get nt -w
${
  places.packageExample === null
    ? ''
    : `
${places.packageExample} installs a package, and is not applied yet:

kubectl apply -f ${places.packageExample} && kubectl get sysdef,ib -w
`
}
The README goes on from here, and docs/tutorial-addons.md with a container runtime as an addon.
`;
}

async function main(): Promise<void> {
  const { nodes, source } = readArguments();
  const interrupted = new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  const program = await programFor({ source });
  const environment = await startEnvironment({
    keepController: true,
    nodes,
    labels: { 'node-role.kubernetes.io/worker': '', ...poolLabel },
    program,
    progress: line => process.stderr.write(`${line}\n`),
  });
  let tools: Tools | undefined;
  try {
    // The pods of a single node have nowhere to go, so that a budget for them would block every drain.
    await createWorkload(environment.admin, { name: 'web', replicas: nodes + 1, minAvailable: nodes > 1 ? nodes : 0 });
    if (withoutPackages() === undefined) tools = await setTools(environment);
    const repository = await createEdge(environment, tools ? { [example]: toolsDefinition(tools.options) } : {});
    const places = placesOf(environment, repository.url, tools);
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, `${JSON.stringify(places, null, 2)}\n`);
    process.stdout.write(whatToTry(places, program));
    await interrupted;
    process.stderr.write('stopping\n');
  } finally {
    rmSync(file, { force: true });
    await tools?.repository.stop();
    await environment.stop();
  }
}

await main();
