/**
 * The versions of Kubernetes that are supported: those that a Go module here pins the servers of. `kubernetes` is the one that tests run on
 * unless told otherwise, `kubernetes-MINOR` are the others. Plain JavaScript: runs before `npm ci`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './progress.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** Says which version the servers are of, in the environment of all that is run; empty or unset: the usual one. */
export const kubernetesVariable = 'SCANTLING_KUBERNETES';

/**
 * One supported version: `1.36`, its module, and the release that the module pins, `1.36.3`.
 * @typedef {{ minor: string, module: string, release: string }} KubernetesVersion
 */

/**
 * The version that a module's go.mod pins for a dependency, without the `v`.
 * @param {string} module
 * @param {string} dependency
 * @returns {string}
 */
export function pinned(module, dependency) {
  const words = readFileSync(join(here, module, 'go.mod'), 'utf8').split(/\s+/);
  const version = words.find((word, i) => words[i - 1] === dependency && /^v\d/.test(word));
  if (!version) throw new Error(`test/tools/${module}/go.mod does not require ${dependency}`);
  return version.slice(1);
}

/**
 * All supported versions, the oldest first.
 * @returns {KubernetesVersion[]}
 */
export function supportedKubernetes() {
  return (
    readdirSync(here)
      .filter(name => /^kubernetes(-\d+\.\d+)?$/.test(name))
      .map(module => {
        const release = pinned(module, 'k8s.io/kubernetes');
        return { minor: release.split('.').slice(0, 2).join('.'), module, release };
      })
      // oxlint-disable-next-line unicorn/no-array-sort -- the set-up runs on Node 18, which has no toSorted
      .sort((a, b) => Number(a.minor.split('.')[1]) - Number(b.minor.split('.')[1]))
  );
}

/**
 * The version that is asked for, as `1.32`, `1.32.2` or `v1.32.2`; the usual one for an empty or missing text.
 * @param {string | undefined} asked
 * @returns {KubernetesVersion}
 * @throws {SetupError} that lists the supported ones, for any other
 */
export function kubernetesVersion(asked) {
  const all = supportedKubernetes();
  const text = (asked ?? '').replace(/^v/, '');
  const found = all.find(({ minor, module, release }) =>
    text === '' ? module === 'kubernetes' : [minor, release].includes(text),
  );
  if (found) return found;
  const names = all.map(({ minor, module, release }) => `${minor} (${release}${module === 'kubernetes' ? ', the default' : ''})`);
  throw new SetupError(`Kubernetes ${asked} is not one that the tests have servers of. Supported: ${names.join(', ')}.`);
}

/**
 * Takes `--kubernetes VERSION` or `--kubernetes=VERSION` out of a program's arguments, wherever it stands.
 * @param {readonly string[]} args
 * @returns {{ rest: string[], asked: string | undefined }}
 * @throws {SetupError} when it is given without a version, or twice
 */
export function takeKubernetes(args) {
  const at = args.findIndex(arg => arg === '--kubernetes' || arg.startsWith('--kubernetes='));
  if (at === -1) return { rest: [...args], asked: undefined };
  const together = args[at]?.includes('=') ?? false;
  const asked = together ? args[at]?.slice('--kubernetes='.length) : args[at + 1];
  const rest = [...args.slice(0, at), ...args.slice(at + (together ? 1 : 2))];
  if (!asked || asked.startsWith('-')) throw new SetupError('--kubernetes needs a version, such as --kubernetes 1.32');
  if (takeKubernetes(rest).asked !== undefined) throw new SetupError('--kubernetes can be given once: a run is on one version');
  return { rest, asked };
}
