/**
 * Makes a machine ready for the tests and the demo, then runs a program on the project's own Node:
 * `node test/tools/setup.mjs [--packages-only] [--kubernetes VERSION] [--then FILE ARGUMENT…]`. Runs on any Node from 18 on, with nothing
 * installed. With `--packages-only` npm's packages are all that is made ready, for programs that start no servers.
 *
 * `--kubernetes` may stand among the program's arguments too, which do not contain it then, and says which supported version all servers of
 * Kubernetes are of, in this run only.
 *
 * KUBEBUILDER_ASSETS    a directory whose servers are used before all others
 * SCANTLING_CACHE       where servers are kept between runs; default: the user's cache directory
 * SCANTLING_KUBERNETES  a version as --kubernetes takes it, for runs without that
 * SCANTLING_SERVERS     `build` or `download`: only that way; default: download, and build what cannot be downloaded
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './dependencies.mjs';
import { kubernetesVariable, kubernetesVersion, takeKubernetes } from './kubernetes-versions.mjs';
import { withLock } from './lock.mjs';
import { say, SetupError } from './progress.mjs';
import { buildServers } from './server-build.mjs';
import { cacheDirectory, findServer, missingServers, serverModules } from './server-binaries.mjs';
import { downloadServers } from './server-download.mjs';
import { installSystemPackages } from './system-packages.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Says which version of Kubernetes this run is on, for this program and all that it starts.
 * @param {string | undefined} asked
 */
function chooseKubernetes(asked) {
  if (asked === undefined) return;
  const { release } = kubernetesVersion(asked);
  if (process.env['KUBEBUILDER_ASSETS'])
    throw new SetupError('--kubernetes and KUBEBUILDER_ASSETS both say which servers are used. Give one of them.');
  process.env[kubernetesVariable] = release;
  say(`Kubernetes ${release}`);
}

/**
 * The modules that a program needs; all of them when no program follows.
 * @param {string | undefined} file
 * @param {readonly string[]} args
 */
function neededModules(file, args) {
  return serverModules().filter(({ onlyFor }) => !onlyFor || !file || onlyFor.some(word => word === file || args.includes(word)));
}

/** @param {readonly import('./server-binaries.mjs').ServerModule[]} modules */
async function getServers(modules) {
  const way = process.env['SCANTLING_SERVERS'] ?? '';
  if (!['', 'build', 'download'].includes(way)) throw new SetupError(`SCANTLING_SERVERS is ${way}; it can be build or download`);
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const given = modules
    .flatMap(({ packages }) => Object.values(packages))
    .filter(name => assets && findServer(name) === join(assets, name));
  if (assets) say(`KUBEBUILDER_ASSETS gives ${given.join(', ') || 'none of the servers'}`);
  if (modules.every(server => missingServers(server).length === 0)) return;
  await withLock(join(cacheDirectory(), 'set-up.lock'), async () => {
    let reachable = way !== 'build';
    for (const server of modules) {
      try {
        if (reachable) await downloadServers(server);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (way === 'download') throw new SetupError(`The test servers cannot be downloaded. ${reason}`);
        say(`no download (${reason}), so the test servers are built`);
        reachable = false;
      }
      if (way === 'download') continue;
      try {
        await buildServers(server);
      } catch (error) {
        if (!server.optional || !(error instanceof SetupError)) throw error;
        say(`going on without ${missingServers(server).join(', ')}. ${error.message}`);
      }
    }
  });
}

/** The Node that the project is developed on: from its packages, or the running one where there is no package for the platform. */
function developmentNode() {
  const node = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(node)) return node;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new SetupError(
    `There is no package of Node 24 for ${process.platform} ${process.arch}. Install Node 24 or newer (https://nodejs.org); this is ${process.version}.`,
  );
}

/**
 * Runs a program in place of this one: same terminal, same signals, same exit code.
 * @param {string} node
 * @param {string[]} args
 */
function become(node, args) {
  const PATH = [join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
  // What has a limit of time counts from here on, the set-up included (test/main.ts).
  const SCANTLING_STARTED = String(Math.round(performance.timeOrigin));
  const child = spawn(node, args, { stdio: 'inherit', env: { ...process.env, PATH, SCANTLING_STARTED } });
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal itself; a second one would cut its orderly end short.
      if (signal !== 'SIGINT' || !terminal) child.kill(signal);
    });
  }
  child.once('error', error => {
    say(`${node} cannot be run: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
    for (const each of signals) process.removeAllListeners(each);
  });
}

try {
  const { rest, asked } = takeKubernetes(process.argv.slice(2));
  const isLight = rest[0] === '--packages-only';
  const [flag, file, ...args] = isLight ? rest.slice(1) : rest;
  if (flag !== undefined && (flag !== '--then' || file === undefined))
    throw new SetupError('usage: setup.mjs [--packages-only] [--kubernetes VERSION] [--then FILE ARGUMENT…]');
  chooseKubernetes(asked);
  await withLock(join(root, '.scantling', 'set-up.lock'), () => installDependencies(root));
  // A usage is printed without any server.
  if (!isLight && !args.includes('--help')) {
    await installSystemPackages();
    await getServers(neededModules(file, args));
  }
  if (file === undefined) say('ready');
  else become(developmentNode(), [resolve(root, file), ...args]);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
