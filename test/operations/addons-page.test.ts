/** docs/tutorial-addons.md, typed word for word on the real parts: an addon, its update, and an update of the system that waits for it. */
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createEdge, poolLabel } from '../cluster/edge.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { git } from '../cluster/git-repository.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { checkStep, stepsOf } from './page-steps.ts';

let environment: Environment;
let directory: string;
before(async () => {
  directory = temporaryDirectory('addons-page');
  environment = await startEnvironment({ nodes: 2, rebootMs: 100, workloads: false, labels: poolLabel });
  const { url } = await createEdge(environment, {});
  await git(directory, ['clone', '--quiet', url, 'systems']);
});
after(async () => {
  await environment?.stop();
  removeDirectory(directory);
});

for (const [i, step] of stepsOf('docs/tutorial-addons.md').entries())
  test(`block ${i + 1}: ${step.typed.split('\n')[0]}`, async () => {
    const env = { REGISTRY: environment.registry.host };
    await checkStep(step, { environment, directory: join(directory, 'systems'), env });
  });
