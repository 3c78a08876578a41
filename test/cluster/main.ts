/**
 * `npm run cluster`: the whole thing running until Ctrl-C, to try Scantling on. Prints where everything is and what to try, and writes
 * it to .scantling/cluster.json.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
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

function readArguments(): { nodes: number; source: boolean } {
  try {
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
}

function placesOf(environment: Environment, gitUrl: string): Places {
  return {
    kubeconfig: environment.controlPlane.adminKubeconfig,
    gitUrl,
    registry: environment.registry.host,
    baseImage: environment.base.image,
    outputRepository: `${environment.registry.host}/systems/worker`,
    nodes: environment.nodes.map(n => n.name),
    controllerLog: environment.controller.logFile,
    controllerUrl: environment.controller.url,
  };
}

function whatToTry(places: Places): string {
  return `
Everything is running, until Ctrl-C. ${places.nodes.length} nodes carry the label node-role.kubernetes.io/worker.

  KUBECONFIG         ${places.kubeconfig}
  Git URL            ${places.gitUrl}  (empty; push without a password)
  Registry           ${places.registry}
  Base image         ${places.baseImage}
  Images go to       ${places.outputRepository}
  Controller's log   ${places.controllerLog}
  Metrics            ${places.controllerUrl}/metrics
  All of this        ${relative(process.cwd(), file)}

Try:

  export KUBECONFIG=${places.kubeconfig}
  git clone ${places.gitUrl} fleet && cd fleet && git checkout -B main
  cat > worker.yaml <<'END'
  apiVersion: scantling.dev/v1alpha1
  kind: SystemDefinition
  metadata: { name: worker }
  spec:
    base: { image: '${places.baseImage}' }
    output: { repository: '${places.outputRepository}' }
    files:
      - { path: /etc/motd, content: "Welcome aboard\\n" }
  ---
  apiVersion: scantling.dev/v1alpha1
  kind: SystemPool
  metadata: { name: workers }
  spec:
    nodeSelector: { matchLabels: { node-role.kubernetes.io/worker: '' } }
    system: { definitionRef: { name: worker } }
  END
  git add . && git commit -m 'Define the worker' && git push -u origin main
  kubectl create -f - <<'END'
  apiVersion: scantling.dev/v1alpha1
  kind: SystemSource
  metadata: { name: fleet }
  spec: { url: '${places.gitUrl}', allowInsecure: true, interval: 2s }
  END
  kubectl get systemsources,systemdefinitions,imagebuilds,systempools,nodetargets
`;
}

async function main(): Promise<void> {
  const { nodes, source } = readArguments();
  const interrupted = new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  const environment = await startEnvironment({
    nodes,
    program: await programFor({ source }),
    progress: line => process.stderr.write(`${line}\n`),
  });
  try {
    const repository = await environment.git.createRepository('fleet');
    await createWorkload(environment.admin, { name: 'web', replicas: nodes + 1, minAvailable: nodes });
    const places = placesOf(environment, repository.url);
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, `${JSON.stringify(places, null, 2)}\n`);
    process.stdout.write(whatToTry(places));
    await interrupted;
    process.stderr.write('stopping\n');
  } finally {
    rmSync(file, { force: true });
    await environment.stop();
  }
}

await main();
