/** The `process` builder: buildah beside the controller, as a child process with storage of its own. For single machines and development. */
import { readFile } from 'node:fs/promises';
import { arch } from 'node:process';
import { TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest } from '../registry/digest.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Log } from '../telemetry/log.ts';
import type { BuildError } from './build-error.ts';
import { writeBuildahFiles } from './buildah-files.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { BuildahOutput } from './buildah-output.ts';
import { runChild } from './child.ts';
import { createMask, secretsOf } from './mask.ts';
import { Workspaces } from './workspace.ts';
import type { Workspace } from './workspace.ts';

export interface FoundationJob {
  /** Platform image to build on, as `host/repository@digest`. */
  base: string;
  /** A whole Containerfile, whose base is the build argument SCANTLING_BASE. */
  containerfile: string;
  /** Repository and tag to push to. */
  repository: string;
  tag: string;
  auth: DockerConfig | undefined;
  /** Milliseconds for all of it. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** What runs the commands of a foundation, on one architecture. */
export interface FoundationBuilder {
  /** As OCI names it: amd64, arm64, ... */
  readonly architecture: string;
  /**
   * Builds and pushes; returns the digest that was pushed.
   * @throws BuildError when a step fails or the time is over; TransientError when an image cannot be pulled or pushed; the signal's reason.
   */
  build(job: FoundationJob): Promise<string>;
}

export interface ProcessBuilderOptions {
  /** Directory for storage; several gigabytes for a real base. */
  directory: string;
  insecureHosts: ReadonlySet<string>;
  log: Log;
  /** Default `buildah`, looked for in PATH. */
  buildah?: string;
  /** The environment that PATH and the proxy settings are taken from. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Longer timers would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
const localName = 'localhost/foundation:latest';
/** What RUN steps need to reach package repositories, in both spellings. */
const passedOn = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'ftp_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'FTP_PROXY',
  'NO_PROXY',
];
/** Names that Go, and so OCI, has for Node's architectures. */
const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', loong64: 'loong64', ppc64: 'ppc64le' };

export function createProcessBuilder(options: ProcessBuilderOptions): FoundationBuilder {
  const workspaces = new Workspaces({ directory: options.directory, log: options.log });
  return {
    architecture: goArchitectures[arch] ?? arch,
    async build(job) {
      const workspace = await workspaces.open();
      try {
        return await new Build(options, job, workspace).run();
      } finally {
        await workspace.remove();
      }
    },
  };
}

class Build {
  readonly #o: ProcessBuilderOptions;
  readonly #job: FoundationJob;
  readonly #workspace: Workspace;
  readonly #deadline: AbortSignal;

  constructor(options: ProcessBuilderOptions, job: FoundationJob, workspace: Workspace) {
    this.#o = options;
    this.#job = job;
    this.#workspace = workspace;
    this.#deadline = AbortSignal.timeout(Math.min(job.timeoutMs, longestTimerMs));
  }

  /** Pull, build and push are three commands, because what fails in the first and last is the network and not the definition. */
  async run(): Promise<string> {
    const { base, containerfile, repository, tag, auth } = this.#job;
    const files = await writeBuildahFiles(this.#workspace.path, {
      containerfile,
      repositories: [repositoryOf(parseReference(base)), repository],
      auth,
      insecureHosts: this.#o.insecureHosts,
    });
    const access = ['--signature-policy', files.policyFile, '--authfile', files.authFile];
    await this.#transfer(files, 'pull', ['pull', '--quiet', ...access, base]);
    const how = ['--isolation', 'chroot', '--format', 'oci', '--pull=never', '--layers=false', '--timestamp', '0'];
    const what = [
      '--build-arg',
      `SCANTLING_BASE=${base}`,
      '--tag',
      localName,
      '--file',
      files.containerfile,
      files.contextDirectory,
    ];
    const failure = await this.#run(files, 'Containerfile', ['build', ...access, ...how, ...what]);
    if (failure) throw failure;
    await this.#transfer(files, 'push', [
      'push',
      '--quiet',
      ...access,
      '--digestfile',
      files.digestFile,
      localName,
      `docker://${repository}:${tag}`,
    ]);
    const digest = (await readFile(files.digestFile, 'utf8')).trim();
    if (!isDigest(digest))
      throw new TransientError('RegistryUnavailable', `buildah wrote no digest of its push to ${repository}`);
    return digest;
  }

  /** Pull or push: its failures pass with the registry's. */
  async #transfer(files: BuildahFiles, what: 'pull' | 'push', args: string[]): Promise<void> {
    const failure = await this.#run(files, `buildah ${what}`, args);
    if (failure)
      throw new TransientError(
        'RegistryUnavailable',
        `${failure.step}: ${failure.message}: ${failure.log.at(-1) ?? 'no output'}`,
      );
  }

  async #run(files: BuildahFiles, step: string, args: string[]): Promise<BuildError | undefined> {
    const { signal, auth, timeoutMs } = this.#job;
    const env = { ...this.#passedOn(), ...files.environment };
    const output = new BuildahOutput(step, createMask(secretsOf(auth)));
    const late = (): BuildError => output.failure({ exitCode: null, how: `not done after ${timeoutMs / 1000} s` });
    if (this.#deadline.aborted) throw late();
    const child = await runChild({
      command: this.#o.buildah ?? 'buildah',
      args: [...files.global, ...args],
      env,
      cwd: this.#workspace.path,
      signal: AbortSignal.any([signal, this.#deadline]),
      onOutput: chunk => output.push(chunk),
      onStart: pid => this.#workspace.noteChild(pid),
    });
    signal.throwIfAborted();
    if (this.#deadline.aborted) throw late();
    if (child.code === 0) return undefined;
    // The shell's codes for "not found" and "not executable" (POSIX, 2.8.2): buildah itself was never there.
    if (child.code === 127 || child.code === 126) await this.#checkBuildah(files, env);
    return output.failure({ exitCode: child.code, how: child.signal === null ? 'unknown' : `killed by ${child.signal}` });
  }

  /** A step may end with 127 too; only when buildah cannot even tell its version is it missing. */
  async #checkBuildah(files: BuildahFiles, env: Record<string, string>): Promise<void> {
    const { code } = await runChild({
      command: this.#o.buildah ?? 'buildah',
      args: ['--version'],
      env,
      cwd: files.contextDirectory,
      signal: this.#deadline,
      onOutput: () => undefined,
      onStart: () => Promise.resolve(),
    });
    if (code !== 0) {
      throw new TransientError(
        'BuilderUnavailable',
        'the definition has steps to run, and buildah cannot be run beside the controller: install it there',
      );
    }
  }

  #passedOn(): Record<string, string> {
    return Object.fromEntries(passedOn.flatMap(name => (this.#o.env[name] === undefined ? [] : [[name, this.#o.env[name]]])));
  }
}
