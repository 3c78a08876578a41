/** What README.md and docs/uninstall.md tell an administrator to type, typed word for word on an empty cluster whose one node is a real one. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createLog } from '../../controller/telemetry/log.ts';
import { storageEnvironment, withImageStorage } from '../cluster/image-storage.ts';
import { takeTurn } from '../cluster/installation.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRealCluster, type RealCluster } from '../cluster/real-cluster.ts';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import { blocksOf, root } from '../docs/markdown.ts';
import { serverBinary } from '../tools/servers.ts';
import { until } from '../kube/until.ts';
import { leftovers } from './leftovers.ts';

/** The blocks for a shell of a page, or of one of its sections. */
function shellBlocks(path: string, section?: string): string[] {
  const whole = readFileSync(join(root, path), 'utf8');
  const text = section === undefined ? whole : (whole.split(/^## /m).find(part => part.startsWith(`${section}\n`)) ?? '');
  return blocksOf({ path, text }).flatMap(block => (block.language === 'sh' ? [block.text] : []));
}

/** The block that holds these words; there must be one. */
function blockWith(blocks: readonly string[], words: string): string {
  const found = blocks.filter(block => block.includes(words));
  assert.equal(found.length, 1, `${found.length} blocks hold "${words}"`);
  return found[0] ?? '';
}

const install = shellBlocks('README.md', 'Install on a cluster');
const remove = shellBlocks('docs/uninstall.md');

describe('the installation as README.md says it', { skip: withoutRealNode([...podImageNeeds, 'npm', 'git']) }, () => {
  const stops: (() => void | Promise<void>)[] = [];
  let cluster: RealCluster;
  let checkout: string;
  let env: NodeJS.ProcessEnv | undefined;

  before(async () => {
    stops.push(await takeTurn());
    const directory = temporaryDirectory('readme');
    stops.push(() => removeDirectory(directory));
    cluster = await startRealCluster({ directory, log: createLog('silent'), progress: () => {}, stops });
    checkout = join(directory, 'scantling');
    copyCheckout(checkout);
    env = { ...environment(directory, checkout, cluster), ...(await storageEnvironment(directory)) };
  });
  after(async () => {
    const made = env?.['REGISTRY'];
    await withImageStorage(async buildah => {
      const names = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
      for (const name of names) if (made !== undefined && name.startsWith(`${made}/`)) await buildah('rmi', name);
    });
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  /** As somebody types it at a terminal. Throws with what was said when a command fails. */
  async function type(block: string): Promise<string> {
    const script = `set -eo pipefail\n${block}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: checkout, env, maxBuffer: 2 ** 26 });
    return stdout;
  }

  async function isReady(): Promise<void> {
    for (const workload of ['deployment/scantling-controller', 'daemonset/scantling-agent'])
      await type(`kubectl --namespace scantling-system rollout status ${workload} --timeout=180s`);
  }

  /** But what is documented to stay, and these, as `Kind name`. */
  async function nothingIsLeft(...but: string[]): Promise<void> {
    let left: string[] = [];
    const gone = async () => (left = await leftovers(cluster, but)).length === 0;
    await until('nothing is left', gone).catch((error: unknown) => assert.fail(`${String(error)}: ${left.join(', ')}`));
  }

  test('with Helm', async () => {
    // docs/images.md: what to add where no image registry can be reached.
    const block = blockWith(install, 'helm install').replace(/^npm run image -- /m, '$&--base debian-packages ');
    assert.match(await type(block), /Phase:\s+Succeeded/);
    await isReady();
  });

  test('removed with Helm', async () => {
    await type(blockWith(remove, 'helm uninstall'));
    await nothingIsLeft();
    await type(blockWith(remove, 'kubectl delete crd'));
    await type('! kubectl get crd --output name | grep scantling');
  });

  test('as plain manifests', async () => {
    await type(blockWith(install, 'kubectl apply -k'));
    await isReady();
  });

  test('removed as plain manifests', async () => {
    await type(blockWith(remove, 'kubectl delete -k'));
    // Both namespaces stay, for what people put into them.
    await nothingIsLeft('Namespace scantling-agents');
    await type(blockWith(remove, 'kubectl delete crd'));
    await nothingIsLeft();
  });
});

/** Somebody's fresh clone, with the files as they are now. */
function copyCheckout(to: string): void {
  execFileSync('git', ['clone', '--quiet', '--shared', '--no-checkout', root, to]);
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '-z'], {
    cwd: root,
  });
  const files = list.toString().split('\0');
  const there = files.filter(file => file !== '' && lstatSync(join(root, file), { throwIfNoEntry: false }) !== undefined);
  // Links stay links.
  const archive = execFileSync('tar', ['--create', '--null', '--files-from=-'], {
    cwd: root,
    input: there.join('\0'),
    maxBuffer: 2 ** 30,
  });
  execFileSync('tar', ['--extract'], { cwd: to, input: archive });
}

/** What a terminal has: the commands that README.md and docs/cli.md name, the cluster, and the registry. */
function environment(directory: string, checkout: string, { registry, controlPlane }: RealCluster): NodeJS.ProcessEnv {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  for (const name of ['helm', 'kubectl'] as const) symlinkSync(serverBinary(name), join(bin, name));
  const command = `exec "${checkout}/node_modules/.bin/node" "${checkout}/dist/scantling.mjs" "$@"`;
  writeFileSync(join(bin, 'scantling'), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  const registries = join(directory, 'registries.conf');
  writeFileSync(registries, `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  // What npm and the test runner tell those that they start is nothing to a terminal.
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_)|NODE_(TEST|OPTIONS|V8))/.test(name));
  return {
    ...Object.fromEntries(own),
    PATH: [bin, process.env['PATH']].join(delimiter),
    KUBECONFIG: controlPlane.adminKubeconfig,
    REGISTRY: registry.host,
    CONTAINERS_REGISTRIES_CONF: registries,
  };
}
