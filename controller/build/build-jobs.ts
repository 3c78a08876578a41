/** The Jobs of builds, in the API: found by label, made, read and taken away. It remembers nothing. */
import { events, jobs, pods } from '../api/core.ts';
import type { Event, Job, Pod } from '../api/core.ts';
import { StallingError, TransientError, WaitingError, messageOf } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { buildAnnotation, buildLabel, fieldManagers, foundationLabel } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isAlreadyExists, isInvalid, isNotFound } from '../kube/errors.ts';
import { builderContainer, jobManifest, keyLabel } from './job-manifest.ts';
import type { JobRequest, JobSettings } from './job-manifest.ts';
import { isComplete, isFinished } from './job-outcome.ts';
import type { JobPlace } from './job-outcome.ts';
import { createMask } from './mask.ts';

/** A Job and the pods that it made. */
export interface ObservedJob {
  job: Job;
  pods: Pod[];
  /** Why it cannot make one, in the words of its newest event. */
  refusal?: string;
}

/** A Job that was refused is asked for again after so long. */
export const refusedCheckMs = 30_000;
const logLines = 40;
const logBytes = 256 * 1024;
/** The label that the Job controller gives its pods (batch.kubernetes.io/job-name), and before 1.27 without the domain. */
const jobNameLabels = ['batch.kubernetes.io/job-name', 'job-name'];

export class BuildJobs {
  readonly #client: Client;
  readonly #settings: () => JobSettings;

  constructor(client: Client, settings: () => JobSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  get namespace(): string {
    return this.#settings().namespace;
  }

  /** All Jobs of a build as the API server has them now, those of earlier attempts included. */
  async of(uid: string): Promise<ObservedJob[]> {
    const selection = { namespace: this.namespace, labelSelector: `${buildLabel}=${uid}` };
    const [found, their] = await Promise.all([this.#client.list(jobs, selection), this.#client.list(pods, selection)]);
    // The items of a list carry no kind.
    const observed = found.items
      .filter(job => job.metadata.deletionTimestamp === undefined)
      .map(job => ({ job, pods: their.items.filter(pod => belongsTo(pod, job)) }));
    return Promise.all(observed.map(each => this.#withRefusal(each)));
  }

  /** That no pod could be made for a Job is told in events only. */
  async #withRefusal(observed: ObservedJob): Promise<ObservedJob> {
    const { job, pods: made } = observed;
    if (made.length > 0 || isFinished(job)) return observed;
    try {
      const fieldSelector = `regarding.uid=${job.metadata.uid ?? ''},reason=FailedCreate`;
      const { items } = await this.#client.list(events, { namespace: this.namespace, fieldSelector });
      const newest = items.toSorted((a, b) => timeOf(b) - timeOf(a))[0];
      const refusal = newest?.note?.replaceAll(/\s+/g, ' ').trim();
      return refusal ? { ...observed, refusal } : observed;
    } catch (error) {
      // They are only words: that no pod is there is known without them.
      if (error instanceof ApiError) return observed;
      throw error;
    }
  }

  /**
   * The name of another build whose Job makes the same foundation at this moment, or has made it while that build, which is `atWork`, has not said so
   * yet.
   */
  async otherBuilder(key: string, uid: string, atWork: (build: string) => boolean): Promise<string | undefined> {
    const labelSelector = `${foundationLabel}=${keyLabel(key)}`;
    const { items } = await this.#client.list(jobs, { namespace: this.namespace, labelSelector });
    const others = items.filter(
      ({ metadata }) => metadata.labels?.[buildLabel] !== uid && metadata.deletionTimestamp === undefined,
    );
    const other = others.find(job => !isFinished(job) || (isComplete(job) && atWork(buildOf(job))));
    return other && buildOf(other);
  }

  /**
   * Makes the Job unless it is there.
   * @throws StallingError `JobRefused` for resources or labels that are none; WaitingError `JobRefused` for what may pass, such as a quota;
   *   TransientError `JobExists` while a Job of that name is another build's, which is told to go.
   */
  async create(request: JobRequest): Promise<Job> {
    const manifest = jobManifest(request, this.#settings());
    try {
      return await this.#client.create(jobs, manifest, { fieldManager: fieldManagers.build });
    } catch (error) {
      const refused = isInvalid(error) || (error instanceof ApiError && error.status === 400);
      if (refused) throw new StallingError('JobRefused', `its Job is refused: ${messageOf(error)}`, { cause: error });
      // A quota, an admission policy: whoever lifts it changes nothing that is watched.
      if (error instanceof ApiError && error.status === 403)
        throw new WaitingError('JobRefused', `its Job is refused: ${messageOf(error)}`, refusedCheckMs, { cause: error });
      if (!isAlreadyExists(error)) throw error;
      const { name } = manifest.metadata;
      const there = await this.#client.get(jobs, name, this.namespace);
      if (there.metadata.labels?.[buildLabel] === request.build.metadata.uid) return there;
      // Of an ImageBuild of the same name that is gone; the garbage collector has yet to come.
      if (there.metadata.labels?.[buildLabel] !== undefined) await this.remove([there]);
      throw new TransientError('JobExists', `Job ${this.namespace}/${name} exists already, for something else`, { cause: error });
    }
  }

  /** Their pods go with them. */
  async remove(doomed: readonly Job[]): Promise<void> {
    for (const { metadata } of doomed) {
      const precondition = metadata.uid === undefined ? {} : { uid: metadata.uid };
      await this.#client.delete(jobs, metadata.name, { namespace: this.namespace, ...precondition });
    }
  }

  /** Those of a build that are at work beside one that failed, which stays: it has the log. */
  async removeBeside(observed: readonly ObservedJob[], failed: string | undefined): Promise<void> {
    await this.remove(observed.flatMap(({ job }) => (job.metadata.name === failed || isFinished(job) ? [] : [job])));
  }

  /** By name, where no more is known; not those of another build of that name. */
  async removeNamed({ metadata }: ImageBuild, names: readonly string[]): Promise<void> {
    const theirs = names.length === 0 ? [] : await this.of(metadata.uid ?? '');
    await this.remove(theirs.flatMap(({ job }) => (names.includes(job.metadata.name) ? [job] : [])));
  }

  /** The same of what is only known from a cache. */
  async removeViews(doomed: readonly { name: string; uid: string }[]): Promise<void> {
    for (const { name, uid } of doomed) await this.#client.delete(jobs, name, { namespace: this.namespace, uid });
  }

  /** The last lines that the build wrote, masked again; none when nobody has them any more. */
  async log({ pod }: JobPlace): Promise<string[]> {
    if (pod === undefined) return [];
    try {
      const text = await this.#client.podLog(
        { name: pod, namespace: this.namespace },
        { container: builderContainer, tailLines: logLines, limitBytes: logBytes },
      );
      const mask = createMask([]);
      return text.split('\n').filter(Boolean).slice(-logLines).map(mask);
    } catch (error) {
      // Gone with its pod or its node: 404, 400 for a container that never ran, 5xx when the kubelet does not answer. The failure is known without it.
      if (isNotFound(error) || error instanceof ApiError) return [];
      throw error;
    }
  }
}

/** Epoch ms; 0 where it says nothing. The Job controller writes the older form of events. */
function timeOf({ series, deprecatedLastTimestamp, eventTime, metadata }: Event): number {
  const last = series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return Date.parse(last ?? '') || 0;
}

function buildOf({ metadata }: Job): string {
  return metadata.annotations?.[buildAnnotation] ?? metadata.name;
}

function belongsTo(pod: Pod, job: Job): boolean {
  const owned = pod.metadata.ownerReferences?.some(owner => owner.uid === job.metadata.uid) ?? false;
  return owned || jobNameLabels.some(label => pod.metadata.labels?.[label] === job.metadata.name);
}
