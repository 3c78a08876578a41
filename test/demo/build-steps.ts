/** The steps of the demo that are about builds: a base that is fixed, a foundation with a package, and a build that fails. */
import { arch } from 'node:process';
import { gunzipSync } from 'node:zlib';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import { pushBase, withoutBuildah } from '../build/build-fixture.ts';
import { aptBaseLayer, withoutApt } from '../cluster/apt-base.ts';
import { startAptRepository, type AptRepository } from '../cluster/apt-repository.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import type { Environment } from '../cluster/environment.ts';
import { readiness } from '../cluster/fleet.ts';
import { bootIDs, checkWrites, explain } from './steps.ts';
import { checkImage, checkRollout, hasArrived, revisionOf } from './arrival.ts';
import { short, shortDigest, type StepReport } from './report.ts';
import { greeting, paths, toolsDefinition, type ToolsOptions } from './repository.ts';
import { Step, stepTimeoutMs, type Stage } from './stage.ts';

/** Why the steps with a package cannot be played here; undefined when they can. */
export function withoutPackages(): string | undefined {
  return withoutBuildah() || withoutApt() || undefined;
}

/** (5) The base image gets a fix under the same tag: nobody commits, and every node boots the fixed system. */
export async function fixBase(stage: Stage, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'base image fixed');
  const { environment, fleet, narration } = stage;
  const boots = bootIDs(stage);
  const { digest } = await pushBaseImage({ registry: environment.registry.host, release: 'with a fix' });
  narration.tell(`the base's tag names ${shortDigest(digest)} now; nobody commits anything`);
  const definition = () => fleet.stores.definitions.get('worker')?.status;
  await fleet.until(
    'every node runs the fixed base',
    () => definition()?.base?.digest === digest && definition()?.image !== running.image && hasArrived(stage, running.commit),
    { timeoutMs: stepTimeoutMs, explain: () => explain(stage) },
  );
  const image = definition()?.image ?? '';
  step.check('one build was run', step.buildsRun === 1, String(step.buildsRun));
  checkRollout(step, running.commit, boots);
  await checkImage(step, image, greeting(1));
  const [label] = await imageLabels(stage, image, 'org.opencontainers.image.base.digest');
  step.check("the image says which base it is made of, and that is the fixed one's digest", label === digest, label);
  const report = await step.end(running.commit, image);
  checkWrites(step, report, false);
  narration.tell(`all nodes run ${shortDigest(report.imageDigest)} after ${report.seconds} s`);
  return report;
}

/** What steps 11 and 12 are played on, beside the stage. */
export interface Tools {
  repository: AptRepository;
  options: ToolsOptions;
}

/** A base with a package manager, and a repository with one package in it. */
export async function setTools(
  { registry: { host } }: Pick<Environment, 'registry'>,
  builder: Pick<Stage['builder'], 'node'> = {},
): Promise<Tools> {
  const repository = await startAptRepository(
    [{ name: 'greeter', version: '1.0', files: { 'usr/bin/greet': '#!/bin/sh\necho "Welcome aboard."\n' } }],
    { signed: true, host: host.slice(0, host.lastIndexOf(':')) },
  );
  const registry = createRegistry({ insecureHosts: new Set([host]), userAgent: 'scantling-demo' });
  try {
    const architecture = arch === 'x64' ? 'amd64' : arch;
    await pushBase(registry, `${host}/base/apt`, { layers: [aptBaseLayer()], architecture, tag: '1' });
    const options = {
      baseImage: `${host}/base/apt:1`,
      output: `${host}/systems/tools`,
      repositoryUrl: repository.url,
      gpgKey: repository.gpgKey ?? '',
      packages: ['greeter'],
      note: 'one',
      ...(builder.node === undefined ? {} : { node: builder.node }),
    };
    return { repository, options };
  } finally {
    await registry.close();
  }
}

/** (11) A definition with a package: its foundation is built once, and a change of a file never asks the package repository again. */
export async function installPackage(stage: Stage, tools: Tools, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'package installed');
  const { narration } = stage;
  const first = await stage.repository.commit(
    { [paths.tools]: toolsDefinition(tools.options) },
    'Define a system with a package',
  );
  narration.tell(`commit ${short(first)}: a definition that installs the package greeter`);
  await built(stage, first);
  const one = lastBuild(stage);
  step.check(
    'the package came from the repository',
    tools.repository.requests.some(path => path.endsWith('.deb')),
  );
  step.check(
    stage.builder.name === 'Job'
      ? 'a foundation was built, by buildah in the pod of a Job'
      : 'a foundation was built, by buildah',
    one?.builder === stage.builder.name && one.foundations?.length === 1,
    JSON.stringify(one),
  );
  await checkTools(step, 'one');

  const asked = tools.repository.requests.length;
  const second = await stage.repository.commit(
    { [paths.tools]: toolsDefinition({ ...tools.options, note: 'two' }) },
    'Change a file',
  );
  narration.tell(`commit ${short(second)}: one file beside the package is another`);
  const from = performance.now();
  await built(stage, second);
  narration.tell(`image after ${((performance.now() - from) / 1000).toFixed(1)} s`);
  const two = lastBuild(stage);
  step.check('the package repository was not asked again', tools.repository.requests.length === asked);
  step.check('nothing ran: the files were put on the foundation that was there', two?.builder === 'Assemble', two?.builder);
  step.check(
    'both images stand on the same foundation, by digest',
    two?.foundations?.[0]?.reference !== undefined && two.foundations[0].reference === one?.foundations?.[0]?.reference,
    () => JSON.stringify([one?.foundations, two?.foundations]),
  );
  await checkTools(step, 'two');
  step.check('no node moved', stage.fleet.mostUnavailable === 0);
  return await step.end(second, running.image);
}

/** (12) A package that does not exist: the status says which step, how it ended and the package manager's own words; the last image stays. */
export async function failBuild(stage: Stage, tools: Tools, running: StepReport): Promise<StepReport> {
  const step = await Step.begin(stage, 'build failed');
  const { fleet, narration } = stage;
  const before = fleet.stores.definitions.get('tools')?.status?.image;
  const options = { ...tools.options, packages: ['greeter', 'no-such-package'] };
  const commit = await stage.repository.commit({ [paths.tools]: toolsDefinition(options) }, 'Ask for a package that nobody has');
  narration.tell(`commit ${short(commit)}: a package that nobody has`);
  const failing = () =>
    fleet.stores.builds.list().find(b => b.spec.revision === revisionOf(commit) && b.status?.failure !== undefined);
  await fleet.until('the build has failed once', () => failing() !== undefined, {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
  checkFailure(step, failing());
  const definition = fleet.stores.definitions.get('tools')?.status;
  step.check('the last good image stays', before !== undefined && definition?.image === before, definition?.image);
  step.check('no node moved', fleet.mostUnavailable === 0);
  return await step.end(commit, running.image);
}

/** What a failed attempt must say. */
function checkFailure(step: Step, build: ReturnType<Stage['fleet']['stores']['builds']['get']>): void {
  const status = build?.status;
  const { step: text, exitCode, log = [] } = status?.failure ?? { step: '' };
  step.stage.narration.tell(`kubectl get ib says: ${readiness(status).message}`);
  step.check('the build says which step failed', text.includes('RUN '), text);
  step.check('and with which exit code', exitCode === 100, String(exitCode));
  const words = 'Unable to locate package no-such-package';
  step.check(
    "and the package manager's own words",
    log.some(line => line.includes(words)),
    log.join('\n'),
  );
  const counted = status?.attempts === 1 && status.attemptsLeft === 2;
  step.check('and how many attempts are made and left', counted, `${status?.attempts} and ${status?.attemptsLeft}`);
}

async function built(stage: Stage, commit: string): Promise<void> {
  const status = () => stage.fleet.stores.definitions.get('tools')?.status;
  await stage.fleet.until(`the image of ${short(commit)}`, () => status()?.revision === revisionOf(commit), {
    timeoutMs: stepTimeoutMs,
    explain: () => explain(stage),
  });
}

function lastBuild({ fleet }: Stage) {
  return fleet.stores.builds.get(fleet.stores.definitions.get('tools')?.status?.latestBuild ?? '')?.status;
}

/** Reads the image from the registry: the package's file and the definition's own. */
async function checkTools(step: Step, note: string): Promise<void> {
  const { environment, fleet } = step.stage;
  const image = fleet.stores.definitions.get('tools')?.status?.image ?? '';
  const repository = image.slice(0, image.indexOf('@'));
  const registry = createRegistry({ insecureHosts: new Set([environment.registry.host]), userAgent: 'scantling-demo' });
  try {
    const index = (await registry.manifest(image)).json as { manifests: Descriptor[] };
    const manifest = (await registry.manifest(`${repository}@${index.manifests[0]?.digest}`)).json as { layers: Descriptor[] };
    const layers = await Promise.all(
      manifest.layers.slice(1).map(async ({ digest, size, mediaType }) => {
        const bytes = Buffer.from(await registry.blob(repository, digest, undefined, size));
        return mediaType.endsWith('gzip') ? gunzipSync(bytes) : bytes;
      }),
    );
    step.check(
      `the image holds the package's program, and the note "${note}"`,
      layers.some(l => l.includes('Welcome aboard.')) && layers.some(l => l.includes(`note ${note}`)),
    );
  } finally {
    await registry.close();
  }
}

/** The label's value on each platform's image. */
async function imageLabels({ environment }: Stage, image: string, label: string): Promise<(string | undefined)[]> {
  const repository = image.slice(0, image.indexOf('@'));
  const registry = createRegistry({ insecureHosts: new Set([environment.registry.host]), userAgent: 'scantling-demo' });
  try {
    const { manifests } = (await registry.manifest(image)).json as { manifests: Descriptor[] };
    return await Promise.all(
      manifests.map(async ({ digest }) => {
        const { config } = (await registry.manifest(`${repository}@${digest}`)).json as { config: Descriptor };
        const json = JSON.parse(Buffer.from(await registry.blob(repository, config.digest)).toString()) as {
          config: { Labels: Record<string, string> };
        };
        return json.config.Labels[label];
      }),
    );
  } finally {
    await registry.close();
  }
}
