/** `scantling logs BUILD`: what the steps of a build write, from its pods while they are there and from its status after that. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { conditionOf } from '../api/conditions.ts';
import { pods, type Pod } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import { imagebuilds, type ImageBuild } from '../api/image-build.ts';
import { buildLabel, platformAnnotation } from '../api/names.ts';
import { builderContainer } from '../build/job-manifest.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import type { Invocation } from '../running.ts';
import { connect } from './cluster.ts';
import { containerLog } from './container-log.ts';
import { find, findBuild, NoSuchBuildError } from './find-build.ts';

const pollMs = 1_000;

/**
 * Output goes to standard output, what is said about it to standard error. Exit code 0 when it was shown, and with --follow when the build
 * succeeded; 1 when there is nothing to show, or the followed build failed; 130 when it was interrupted.
 */
export async function logs(invocation: Invocation): Promise<number> {
  const { positionals, stderr } = invocation;
  const cluster = await connect(invocation, 'logs');
  try {
    const { client, transport } = cluster;
    const build = await findBuild(client, positionals[0] ?? '');
    return await new Show(invocation, { transport, client }).run(build);
  } catch (error) {
    if (invocation.signal.aborted) return 130;
    if (!(error instanceof NoSuchBuildError)) throw error;
    stderr.write(`scantling: ${error.message}\n`);
    return 1;
  } finally {
    await cluster.close();
  }
}

/** One build on its way to the terminal. */
class Show {
  readonly #o: Invocation;
  readonly #api: { transport: Transport; client: Client };
  /** Pods whose log is or was shown, by uid. */
  readonly #shown = new Map<string, Promise<void>>();
  /** Names of pods that are shown, for the kept tail of which there is no need. */
  readonly #names = new Set<string>();
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #said = '';
  #refused = false;
  #noPod = false;
  #failure: unknown;

  constructor(invocation: Invocation, api: { transport: Transport; client: Client }) {
    this.#o = invocation;
    this.#api = api;
    this.#signal = AbortSignal.any([invocation.signal, this.#abort.signal]);
    // Whoever reads along has gone, as `head` does.
    invocation.stdout.on('error', error => this.#abort.abort(error));
  }

  async run(asked: ImageBuild): Promise<number> {
    let build = asked;
    const { follow } = this.#o.config;
    this.#sayState(build);
    for (;;) {
      await this.#attach(build);
      if (!follow || hasEnded(build)) break;
      await sleep(pollMs, undefined, { signal: this.#signal });
      if (this.#failure !== undefined) throw this.#failure;
      const now = await find(this.#api.client, imagebuilds, build.metadata.name);
      if (!now || now.metadata.uid !== build.metadata.uid) {
        this.#say(`ImageBuild ${build.metadata.name} was deleted`);
        return 1;
      }
      build = now;
      this.#sayState(build);
    }
    await Promise.all(this.#shown.values());
    if (this.#failure !== undefined) throw this.#failure;
    this.#sayEnd(build);
    return follow && build.status?.phase !== 'Succeeded' ? 1 : 0;
  }

  /** Shows the newest pod of each platform, where it is not shown yet; a pod of the attempt before it has nothing new to say. */
  async #attach(build: ImageBuild): Promise<void> {
    const { builder } = build.status ?? {};
    if (this.#refused || builder === 'Process' || builder === 'Assemble') return;
    const newest = new Map((await this.#pods(build)).map(pod => [platformOf(pod), pod]));
    if (newest.size === 0 && builder === undefined && build.status?.phase === 'Building')
      this.#sayNoPod('there is no pod of it yet; a build beside the controller has none');
    const several = newest.size > 1 || (build.status?.jobs ?? []).length > 1;
    for (const pod of newest.values()) {
      const { uid = '', name, namespace = '' } = pod.metadata;
      if (this.#shown.has(uid) || !hasBegun(pod)) continue;
      this.#names.add(name);
      const prefix = several ? `${platformOf(pod)} | ` : '';
      const showing = this.#copy({ namespace, pod: name, uid, container: builderContainer }, prefix).catch((error: unknown) => {
        this.#failure ??= error;
      });
      this.#shown.set(uid, showing);
    }
  }

  async #copy(ref: Parameters<typeof containerLog>[1], prefix: string): Promise<void> {
    const { stdout, config } = this.#o;
    try {
      for await (const line of containerLog(this.#api, ref, { follow: config.follow, signal: this.#signal })) {
        if (!stdout.write(`${prefix}${line}\n`)) await once(stdout, 'drain', { signal: this.#signal });
      }
    } catch (error) {
      this.#names.delete(ref.pod);
      // The node may be gone or the container not have begun; the status has what was kept.
      if (!(error instanceof ApiError)) throw error;
      this.#say(`the log of pod ${ref.pod} cannot be read: ${messageOf(error)}`);
    }
  }

  async #pods(build: ImageBuild): Promise<Pod[]> {
    const { namespace } = this.#o.config;
    const labelSelector = `${buildLabel}=${build.metadata.uid ?? ''}`;
    try {
      const { items } = await this.#api.client.list(pods, { namespace, labelSelector });
      return items.toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      this.#refused = true;
      this.#say(`${error.message}; only what the ImageBuild's status has can be shown`);
      return [];
    }
  }

  /** Where the build is, when that is news. */
  #sayState(build: ImageBuild): void {
    const { phase = 'Pending', builder } = build.status ?? {};
    const message = conditionOf(build.status?.conditions, 'Ready')?.message ?? 'nobody has looked at it yet';
    const how = builder === 'Assemble' ? ' (no steps, so no output)' : '';
    const text = `${build.metadata.name}: ${phase}: ${message}${how}`;
    if (text !== this.#said) this.#say(text);
    this.#said = text;
    if (builder === 'Process' && phase === 'Building') this.#sayNoPod('it runs beside the controller');
  }

  /** Why there is no output to show. */
  #sayNoPod(why: string): void {
    if (this.#noPod) return;
    this.#noPod = true;
    this.#say(`${why}, and of its output only what failed is kept; its steps are named as they begin`);
  }

  /** The kept tail of what failed, unless its pod was shown. */
  #sayEnd({ status }: ImageBuild): void {
    const { failure } = status ?? {};
    if (!failure || (failure.pod !== undefined && this.#names.has(failure.pod))) return;
    const { log = [], platform, stepNumber, step, exitCode } = failure;
    // buildah counts its steps itself, as in "3/3: RUN ..."; what else a step is called has no number in it.
    const number = stepNumber === undefined || /^(\[\d+\/\d+\] )?(STEP )?\d+\//.test(step) ? undefined : `step ${stepNumber}`;
    const where = [platform, number].filter(Boolean).join(', ');
    const code = exitCode === undefined || failure.message.includes(`exit code ${exitCode}`) ? '' : ` (exit code ${exitCode})`;
    this.#say(`the last failure${where ? `, ${where}` : ''}: ${step}: ${failure.message}${code}`);
    for (const line of log) this.#o.stdout.write(`${line}\n`);
    if (log.length === 0) this.#say('no output of it was kept');
  }

  #say(text: string): void {
    this.#o.stderr.write(`scantling: ${text}\n`);
  }
}

function platformOf({ metadata }: Pod): string {
  return metadata.annotations?.[platformAnnotation] ?? metadata.name;
}

/** Whether there is a log: before that the kubelet refuses to give one. */
function hasBegun({ status }: Pod): boolean {
  const state = status?.containerStatuses?.find(c => c.name === builderContainer)?.state;
  return state?.running !== undefined || state?.terminated !== undefined;
}

function hasEnded({ status }: ImageBuild): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Canceled';
}
