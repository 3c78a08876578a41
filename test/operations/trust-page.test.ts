/** docs/trust.md, typed word for word on the real parts: from no trust to a full chain, and what each command prints. */
import { after, before, test } from 'node:test';
import { createEdge, poolLabel } from '../cluster/edge.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { until } from '../kube/until.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { lacking } from './page-block.ts';
import { checkStep, stepsOf } from './page-steps.ts';

const page = 'docs/trust.md';

let environment: Environment;
let directory: string;
before(async () => {
  directory = temporaryDirectory('trust-page');
  environment = await startEnvironment({ nodes: 2, workloads: false, labels: poolLabel });
  await createEdge(environment, {});
  await until('the first rollout', async () => {
    const found = (await environment.admin.list(systempools)).items.find(p => p.metadata.name === 'edge');
    return found?.status?.nodes?.updated === 2;
  });
});
after(async () => {
  await environment?.stop();
  removeDirectory(directory);
});

for (const [i, step] of stepsOf(page).entries())
  test(`block ${i + 1}: ${step.typed.split('\n')[0]}`, { skip: lacking('openssl') || lacking('skopeo') }, async () => {
    const { registry, git } = environment;
    const gitHost = new URL(git.url).host;
    const here = (text: string): string =>
      text
        .replaceAll('https://git.example.com/acme/', `${git.url}/`)
        .replaceAll('git.example.com/acme', gitHost)
        .replaceAll('registry.example.com', registry.host);
    // The test's registry speaks plain http, and a person has said once who he is.
    const settings = `exec 2>&1
      _scantling=$(declare -f scantling); eval "_realscantling\${_scantling#scantling}"
      scantling() { if [ "$1 $2" = 'verify image' ]; then set -- "$@" --insecure-registries '${registry.host}'; fi; _realscantling "$@"; }
      skopeo() { local command=$1; shift; command skopeo --insecure-policy "$command" --src-tls-verify=false --dest-tls-verify=false "$@"; }
      FINGERPRINT=$(cat fingerprint 2>/dev/null || true)
      trap 'printf %s "$FINGERPRINT" > fingerprint' EXIT`;
    await checkStep(step, { environment, directory, settings, here });
  });
