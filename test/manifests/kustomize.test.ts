/** The plain install through kustomize, as `kubectl apply -k` takes it. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubectl } from '../cluster/kubectl.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { runBlock, shellBlock } from '../operations/page-block.ts';

const manifests = join(import.meta.dirname, '../../manifests');

async function kustomize(directory: string): Promise<string> {
  return (await kubectl(['kustomize', directory])).stdout;
}

test('both images are set in one place, that of pods that build too, for every overlay', async t => {
  const directory = temporaryDirectory('kustomize');
  t.after(() => removeDirectory(directory));
  cpSync(manifests, directory, { recursive: true });
  const file = join(directory, 'images/kustomization.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replaceAll('newName: scantling', 'newName: registry.example.com/scantling').replaceAll(/newTag: .*/g, 'newTag: v9'),
  );
  for (const overlay of ['.', 'overlays/default', 'overlays/single-node']) {
    const built = await kustomize(join(directory, overlay));
    assert.equal(built.match(/image: registry\.example\.com\/scantling:v9$/gm)?.length, 2, `controller and agent in ${overlay}`);
    assert.match(built, /name: BUILDER_IMAGE\n\s+value: registry\.example\.com\/scantling-builder:v9$/m, overlay);
  }
});

test('the command of README.md sets both, typed once or again, in a registry of whatever name', async t => {
  const directory = temporaryDirectory('kustomize');
  t.after(() => removeDirectory(directory));
  cpSync(manifests, join(directory, 'manifests'), { recursive: true });
  const [command] = /^sed .*$/m.exec(shellBlock('README.md', 'kubectl apply -k')) ?? assert.fail('no sed');
  for (const REGISTRY of ['registry.example.com', 'registry.example.com', 'r.example/scantling']) {
    await runBlock(command, { cwd: directory, env: { REGISTRY } });
    const text = readFileSync(join(directory, 'manifests/images/kustomization.yaml'), 'utf8');
    const names = [...text.matchAll(/newName: (.*)/g)].map(([, name]) => name);
    assert.deepEqual(names, [`${REGISTRY}/scantling`, `${REGISTRY}/scantling-builder`]);
  }
});

test('for one node it is the same but for what needs a second one', async () => {
  const [plain, single] = await Promise.all([
    kustomize(join(manifests, 'overlays/default')),
    kustomize(join(manifests, 'overlays/single-node')),
  ]);
  assert.match(plain, /podAntiAffinity/);
  assert.doesNotMatch(single, /podAntiAffinity|topologySpreadConstraints/);
  const difference = plain.split('\n').filter(line => !new Set(single.split('\n')).has(line));
  assert.deepEqual(
    difference.filter(line => /^ {0,2}\w/.test(line)),
    ['  replicas: 2'],
  );
  assert.match(single, /^ {2}replicas: 1$/m);
});
