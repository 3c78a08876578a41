/** The chart of a release names the images of that release, by digest, and can be had from a registry. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { helm } from '../cluster/helm.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';

const digest = (of: string) => `sha256:${of.repeat(64)}`;
const program = join(import.meta.dirname, 'release-chart.ts');

test('the chart of a release has its images by digest, and is pushed', async t => {
  const work = temporaryDirectory('release-chart');
  const registry = await startRegistry();
  t.after(async () => {
    await registry.stop();
    removeDirectory(work);
  });
  const images = join(work, 'images.json');
  const repository = 'registry.example.com/team/scantling';
  writeFileSync(
    images,
    JSON.stringify([
      { name: `${repository}:9.9.9`, digest: digest('a') },
      { name: `${repository}-builder:9.9.9`, digest: digest('b') },
    ]),
  );
  const push = `oci://${registry.host}/charts`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, images, work, push]);
  assert.match(stderr, /^Digest: sha256:[0-9a-f]{64}$/m);
  const pulled = mkdtempSync(join(work, 'pulled-'));
  const { version } = parse((await helm(['show', 'chart', stdout.trim()])).stdout) as { version: string };
  await helm(['pull', `oci://${registry.host}/charts/scantling`, '--version', version, '--plain-http', '--destination', pulled]);
  const rendered = (await helm(['template', 'scantling', join(pulled, `scantling-${version}.tgz`)])).stdout;
  const used = [...rendered.matchAll(/^ +image: (.*)$/gm)].map(match => match[1]);
  assert.deepEqual([...new Set(used)], [`${repository}@${digest('a')}`], 'one image, however often');
  assert.match(rendered, new RegExp(`${repository}-builder@${digest('b')}`));
  assert.match(rendered, /^kind: CustomResourceDefinition$/m);
});

test('a list that is not that of both images is refused', async () => {
  const work = temporaryDirectory('release-chart');
  const images = join(work, 'images.json');
  writeFileSync(images, JSON.stringify([{ name: 'a:1', digest: 'sha256:short' }]));
  await assert.rejects(promisify(execFile)(process.execPath, [program, images, work]), /the list of images is not that/);
  await assert.rejects(promisify(execFile)(process.execPath, [program]), /usage/);
});
