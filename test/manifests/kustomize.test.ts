/** The plain install through kustomize, as `kubectl apply -k` takes it. Needs kubectl, which the set-up does not bring. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const manifests = join(import.meta.dirname, '../../manifests');
const skip = spawnSync('kubectl', ['version', '--client']).status === 0 ? false : 'kubectl is not on this machine';

test('kustomize sets both images, that of pods that build too', { skip }, () => {
  const directory = temporaryDirectory('kustomize');
  try {
    cpSync(manifests, directory, { recursive: true });
    const file = join(directory, 'images/kustomization.yaml');
    execFileSync('sed', ['-i', 's#newName: scantling#newName: registry.example.com/scantling#; s#newTag: .*#newTag: v9#', file]);
    const text = execFileSync('kubectl', ['kustomize', directory], { encoding: 'utf8' });
    assert.equal(text.match(/image: registry\.example\.com\/scantling:v9$/gm)?.length, 2, 'controller and agent');
    assert.match(text, /name: BUILDER_IMAGE\n\s+value: registry\.example\.com\/scantling-builder:v9$/m);
  } finally {
    removeDirectory(directory);
  }
});
