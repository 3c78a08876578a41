/** docs/trust.md, typed word for word on the real parts: from no trust to a full chain, and what each command prints. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createEdge, poolLabel } from '../cluster/edge.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { until } from '../kube/until.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { blocksOf, pages } from '../docs/markdown.ts';
import { lacking, runBlock } from './page-block.ts';

const page = 'docs/trust.md';

/** For one block; what waits longer never ends. */
const timeoutMs = 120_000;

interface Step {
  typed: string;
  printed: string;
}

/** Each block of commands, with what the page says that it prints. */
function stepsOf(path: string): Step[] {
  const blocks = pages()
    .filter(p => p.path === path)
    .flatMap(blocksOf);
  return blocks.flatMap(({ language, text }, i) => {
    const next = blocks[i + 1];
    return language === 'sh' ? [{ typed: text, printed: next?.language === 'text' ? next.text : '' }] : [];
  });
}

/** The page's output as a pattern: `…` stands for anything in its line, alone in a line for any lines. */
function patternOf(printed: string): RegExp {
  const lines = printed
    .trimEnd()
    .split('\n')
    .map(line => (line === '…' ? '[^]*' : line.split('…').map(quoted).join('.*')));
  return new RegExp(`^${lines.join('\\n')}\\s*$`);
}

const quoted = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

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

for (const [i, { typed, printed }] of stepsOf(page).entries())
  test(`block ${i + 1}: ${typed.split('\n')[0]}`, { skip: lacking('openssl') || lacking('skopeo') }, async () => {
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
    const env = {
      GIT_AUTHOR_NAME: 'You',
      GIT_AUTHOR_EMAIL: 'you@example.com',
      GIT_COMMITTER_NAME: 'You',
      GIT_COMMITTER_EMAIL: 'you@example.com',
    };
    const options = { cwd: directory, kubeconfig: environment.controlPlane.adminKubeconfig };
    const said = await runBlock(`${settings}\n${here(typed)}`, { ...options, env, timeoutMs }).catch(async (error: unknown) => {
      const stand = await runBlock('scantling status -o wide; scantling why pool/edge; true', options).catch(String);
      throw new Error(`the block failed; this is how it stands:\n${stand}`, { cause: error });
    });
    assert.match(said, patternOf(here(printed)), said);
  });
