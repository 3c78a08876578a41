/** The demo on what Helm installs: the same scenario, with the controller, the agent of a real node and the builds as pods. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import type { DemoReport } from './report.ts';

/** One test that is a whole demo, and waits for its turn before. */
const timeout = 600_000;

test(
  'every statement of the demo holds on an installation by Helm',
  { skip: withoutRealNode(podImageNeeds), timeout },
  async () => {
    const args = [join(import.meta.dirname, 'main.ts'), '--helm', '--nodes', '3', '--json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    assert.equal(code, 0, texts.stderr);
    const { ok, steps } = JSON.parse(texts.stdout) as DemoReport;
    assert.equal(ok, true);
    const last = steps.at(-1);
    assert.equal(last?.name, "the operator's own node");
    assert.deepEqual(
      last.nodes.map(node => node.name),
      ['node-1', 'node-2', 'node-3', 'real'],
    );
  },
);
