/** The plain install through kustomize, as `kubectl apply -k` takes it. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubectl } from '../cluster/kubectl.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const manifests = join(import.meta.dirname, '../../manifests');

test('kustomize sets both images, that of pods that build too', async () => {
  const directory = temporaryDirectory('kustomize');
  try {
    cpSync(manifests, directory, { recursive: true });
    const file = join(directory, 'images/kustomization.yaml');
    const written = readFileSync(file, 'utf8')
      .replaceAll('newName: scantling', 'newName: registry.example.com/scantling')
      .replaceAll(/newTag: .*/g, 'newTag: v9');
    writeFileSync(file, written);
    const { stdout: text } = await kubectl(['kustomize', directory]);
    assert.equal(text.match(/image: registry\.example\.com\/scantling:v9$/gm)?.length, 2, 'controller and agent');
    assert.match(text, /name: BUILDER_IMAGE\n\s+value: registry\.example\.com\/scantling-builder:v9$/m);
  } finally {
    removeDirectory(directory);
  }
});
