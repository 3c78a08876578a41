/** The workflows are what GitHub takes as far as can be told here, and name what is there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { supportedKubernetes } from '../tools/kubernetes-versions.mjs';
import { root } from './markdown.ts';

interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, { 'runs-on': string; 'timeout-minutes': number; steps: { uses?: string; run?: string }[] }>;
}

const directory = join(root, '.github/workflows');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

for (const file of readdirSync(directory)) {
  describe(`.github/workflows/${file}`, () => {
    const text = readFileSync(join(directory, file), 'utf8');
    const workflow = parse(text) as Workflow;
    const steps = Object.values(workflow.jobs).flatMap(job => job.steps);

    test('reads unless a job says otherwise, and ends', () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' });
      for (const [name, job] of Object.entries(workflow.jobs)) assert.ok(job['timeout-minutes'] > 0, name);
    });

    test('takes actions by commit, with their version beside it', () => {
      const lines = text.split('\n').filter(line => line.includes('uses:'));
      for (const line of lines) assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    });

    test('runs scripts that there are, and nothing that a pull request wrote', () => {
      for (const { run = '' } of steps) {
        for (const [, name = ''] of run.matchAll(/npm run ([\w:-]+)/g)) assert.ok(name in scripts, name);
        const put = [...run.matchAll(/\$\{\{\s*(\S+?)\s*\}\}/g)].map(match => match[1]);
        assert.deepEqual(
          put.filter(each => each !== 'matrix.kubernetes'),
          [],
        );
      }
    });

    test('tests every supported version of Kubernetes', () => {
      const list = /\[(["']1\.\d+["'], )+["']1\.\d+["']\]/.exec(text)?.[0].match(/1\.\d+/g);
      assert.deepEqual(
        list,
        supportedKubernetes().map(({ minor }) => minor),
      );
    });
  });
}
