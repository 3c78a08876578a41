/**
 * Builds a foundation: the same beside the controller and in a Job's pod. The context is read from the registry by digest; pull, build and push are
 * commands of their own, because what fails in the first and the last is the network and not the definition.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StallingError, TransientError } from '../api/errors.ts';
import { emptyConfiguration } from '../registry/configuration.ts';
import type { RegistriesConfiguration } from '../registry/configuration.ts';
import { isDigest } from '../registry/digest.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { accountsFor } from './accounts.ts';
import type { Accounts } from './accounts.ts';
import { adoptBase } from './adopt-base.ts';
import { bundleWith } from './authorities.ts';
import { buildEnvironment } from './build-environment.ts';
import { BuildError } from './build-error.ts';
import { Buildah } from './buildah.ts';
import { rewriteAuth, writeBuildahFiles } from './buildah-files.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { pullBuildContext, pullPlan } from './context.ts';
import type { Foundation } from './context.ts';
import { lintFoundation } from './foundation-lint.ts';
import { isolation } from './isolation.ts';
import { markFoundation } from './foundation-mark.ts';
import type { FoundationAccess, FoundationResult, FoundationTask } from './foundation-task.ts';
import { createMask, secretsIn, secretsOf } from './mask.ts';
import { architectureOf, machineArchitecture } from './platform-name.ts';
import { stageImages } from './stage-images.ts';
import { storageDriver } from './storage-driver.ts';
import { transferError } from './transfer-error.ts';
import { unpackTar } from './unpack-tar.ts';
import type { Workspace, Workspaces } from './workspace.ts';

/** Where foundations are built. */
export interface FoundationPlace {
  registry: Registry;
  workspaces: Workspaces;
  /** How registries are reached, as the registry client knows it too. */
  configuration?: () => RegistriesConfiguration | Promise<RegistriesConfiguration>;
  insecureHosts: ReadonlySet<string>;
  /** Default `buildah`, looked for in PATH. */
  buildah?: string;
  /** The environment that PATH, and proxy settings where the access brings none, are taken from. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Longer timers would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
const localName = 'localhost/foundation:latest';
/** Where steps find the certificates of `access.authorities` with the usual ones, as the file ca.crt. */
const authoritiesInSteps = '/run/scantling';

/** Builds and pushes; returns what was pushed and read back. Throws as FoundationBuilder.build. */
export async function buildFoundation(
  task: FoundationTask,
  place: FoundationPlace,
  access: FoundationAccess,
): Promise<FoundationResult> {
  if (architectureOf(task.platform) !== machineArchitecture) {
    const why = `${task.platform} cannot be built on this machine, which is linux/${machineArchitecture}`;
    throw new StallingError('PlatformUnsupported', why);
  }
  const deadline = AbortSignal.timeout(Math.min(task.timeoutMs, longestTimerMs));
  const workspace = await place.workspaces.open();
  try {
    return await new FoundationBuild(task, place, { access, workspace, deadline }).run();
  } finally {
    await workspace.remove();
  }
}

interface Inputs {
  foundation: Foundation;
  /** The base, as it is called in the output repository. */
  base: string;
  secrets: ReadonlyMap<string, Uint8Array>;
}

class FoundationBuild {
  readonly #task: FoundationTask;
  readonly #place: FoundationPlace;
  readonly #access: FoundationAccess;
  readonly #workspace: Workspace;
  readonly #deadline: AbortSignal;

  constructor(
    task: FoundationTask,
    place: FoundationPlace,
    o: { access: FoundationAccess; workspace: Workspace; deadline: AbortSignal },
  ) {
    this.#task = task;
    this.#place = place;
    this.#access = o.access;
    this.#workspace = o.workspace;
    this.#deadline = o.deadline;
  }

  async run(): Promise<FoundationResult> {
    const { registry, insecureHosts, configuration } = this.#place;
    const { platform, lint, repository } = this.#task;
    const accounts = await this.#accounts();
    const { foundation, buildContext } = await this.#within('context', this.#context(accounts));
    const secrets = await this.#secrets(foundation);
    // What it takes long to make is not made where it cannot be pushed.
    await this.#within(`push to ${repository}`, registry.checkPush(repository, accounts.push));
    const base = await this.#within('base', adoptBase(registry, this.#task, accounts));
    const images = [base, ...stageImages(foundation.containerfile)];
    const environment = await this.#environment();
    const files = await writeBuildahFiles(this.#workspace.path, {
      containerfile: foundation.containerfile,
      repositories: this.#repositories(images),
      auth: this.#authFor(accounts, images),
      configuration: (await configuration?.()) ?? emptyConfiguration,
      insecureHosts,
      storageDriver: await this.#storageDriver(environment),
    });
    if (buildContext) await unpackTar(buildContext, files.contextDirectory);
    const hidden = [...secretsOf(accounts.pull), ...secretsOf(accounts.push), ...[...secrets.values()].flatMap(secretsIn)];
    const buildah = this.#buildah(files, environment, hidden);
    for (const image of images) await this.#transfer(buildah, `pull of ${image}`, ['pull', '--quiet', ...access(files), image]);
    await this.#build(buildah, files, { foundation, base, secrets });
    const warnings = await lintFoundation(buildah, files, { image: localName, lint, platform });
    return this.#push(buildah, files, { warnings, images });
  }

  async #accounts(): Promise<Accounts> {
    const [pull, push] = await Promise.all([this.#access.credentials('pull'), this.#access.credentials('push')]);
    return { pull, push };
  }

  async #context({ push }: Accounts): Promise<{ foundation: Foundation; buildContext: Uint8Array | undefined }> {
    const { registry } = this.#place;
    const { context } = this.#task;
    const reference = parseReference(context);
    const repository = repositoryOf(reference);
    const { foundation } = await pullPlan(registry, repository, reference.digest ?? '', push);
    if (!foundation) throw new StallingError('InvalidContext', `context ${context} has no steps to run`);
    return { foundation, buildContext: await pullBuildContext(registry, repository, foundation, push) };
  }

  async #secrets(foundation: Foundation): Promise<ReadonlyMap<string, Uint8Array>> {
    if (foundation.secrets.length === 0) return new Map();
    const given = await this.#access.secrets();
    const values = foundation.secrets.map((id): [string, Uint8Array] => {
      const value = given.get(id);
      if (!value) throw new TransientError('SecretNotFound', `the value of the build's secret ${id} is missing`);
      return [id, value];
    });
    return new Map(values);
  }

  /** All that buildah, and what it runs, sees of the environment. */
  async #environment(): Promise<Record<string, string>> {
    const environment = buildEnvironment(this.#place.env, this.#access.proxy);
    const { authorities } = this.#access;
    if (authorities === undefined) return environment;
    await mkdir(this.#authoritiesDirectory(), { mode: 0o755 });
    const bundle = join(this.#authoritiesDirectory(), 'ca.crt');
    await writeFile(bundle, bundleWith(authorities), { mode: 0o644 });
    return { ...environment, SSL_CERT_FILE: bundle };
  }

  #authoritiesDirectory(): string {
    return join(this.#workspace.path, 'authorities');
  }

  async #storageDriver(env: Readonly<Record<string, string>>): Promise<'overlay' | 'vfs'> {
    const { signal } = this.#access;
    return storageDriver(this.#workspace, {
      command: this.#place.buildah ?? 'buildah',
      env,
      signal: AbortSignal.any([signal, this.#deadline]),
    });
  }

  #buildah(files: BuildahFiles, env: Readonly<Record<string, string>>, hidden: readonly string[]): Buildah {
    const { platform, timeoutMs } = this.#task;
    return new Buildah({
      command: this.#place.buildah ?? 'buildah',
      env,
      workspace: this.#workspace,
      files,
      mask: createMask(hidden),
      platform,
      signal: this.#access.signal,
      deadline: this.#deadline,
      timeoutMs,
      onOutput: this.#access.onOutput,
      onStep: this.#access.onStep,
    });
  }

  async #build(buildah: Buildah, files: BuildahFiles, { foundation, base, secrets }: Inputs): Promise<void> {
    const values = { ...foundation.args, SCANTLING_BASE: base };
    for (const [id, value] of secrets) await writeFile(join(files.secretsDirectory, id), value, { mode: 0o600, flag: 'wx' });
    const how = [...isolation, '--format', 'oci', '--layers=false', '--timestamp', '0', '--identity-label=false'];
    const failure = await buildah.run('Containerfile', [
      'build',
      ...access(files),
      ...how,
      // What is pinned has been pulled; nothing that happens to be newer is.
      '--pull=false',
      ...Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
      ...[...secrets.keys()].flatMap(id => ['--secret', `id=${id},src=${join(files.secretsDirectory, id)}`]),
      ...(this.#access.authorities === undefined ? [] : ['--volume', `${this.#authoritiesDirectory()}:${authoritiesInSteps}:ro`]),
      '--tag',
      localName,
      '--file',
      files.containerfile,
      files.contextDirectory,
    ]);
    if (failure) throw failure;
  }

  /** With credentials read anew: those that it began with may be replaced by now. */
  async #push(
    buildah: Buildah,
    files: BuildahFiles,
    { warnings, images }: { warnings: string[]; images: readonly string[] },
  ): Promise<FoundationResult> {
    const { repository, tag, key } = this.#task;
    const accounts = await this.#accounts();
    await rewriteAuth(files, { auth: this.#authFor(accounts, images), repositories: this.#repositories(images) });
    const target = ['--digestfile', files.digestFile, localName, `docker://${repository}:${tag}`];
    await this.#transfer(buildah, `push to ${repository}`, ['push', '--quiet', ...access(files), ...target]);
    const digest = (await readFile(files.digestFile, 'utf8')).trim();
    if (!isDigest(digest))
      throw new TransientError('RegistryUnavailable', `buildah wrote no digest of its push to ${repository}`);
    const marked = markFoundation(this.#place.registry, { repository, tag, digest }, { key, warnings }, accounts.push);
    return { digest: await this.#within(`push to ${repository}`, marked), warnings };
  }

  /** Pull or push: its failures pass with the registry's. */
  async #transfer(buildah: Buildah, what: string, args: string[]): Promise<void> {
    const failure = await buildah.run(what, args);
    if (failure) throw transferError(failure, what);
  }

  #authFor(accounts: Accounts, images: readonly string[]): ReturnType<typeof accountsFor> {
    return accountsFor(accounts, this.#task.repository, this.#repositories(images).slice(1));
  }

  /** The output repository, then those of other stages. */
  #repositories(images: readonly string[]): string[] {
    const others = images.map(image => repositoryOf(parseReference(image))).filter(name => name !== this.#task.repository);
    return [this.#task.repository, ...others];
  }

  /** Work that knows no signal, given up when nobody waits for it any more. */
  async #within<T>(step: string, work: Promise<T>): Promise<T> {
    const { signal } = this.#access;
    const ended = AbortSignal.any([signal, this.#deadline]);
    ended.throwIfAborted();
    const given = Promise.withResolvers<never>();
    const giveUp = (): void => {
      const how = `not done after ${this.#task.timeoutMs / 1000} s, the time for the whole build`;
      given.reject(signal.aborted ? signal.reason : new BuildError(how, { step, log: [], platform: this.#task.platform }));
    };
    ended.addEventListener('abort', giveUp, { once: true });
    try {
      return await Promise.race([work, given.promise]);
    } finally {
      ended.removeEventListener('abort', giveUp);
    }
  }
}

function access(files: BuildahFiles): string[] {
  return ['--signature-policy', files.policyFile, '--authfile', files.authFile];
}
