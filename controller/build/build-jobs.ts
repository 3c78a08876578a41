/** The Jobs of builds, in the API: found by label, made, read and taken away. It remembers nothing. */
import { jobs, pods } from '../api/core.ts';
import type { Job, Pod } from '../api/core.ts';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import { buildAnnotation, buildLabel, foundationLabel } from '../api/names.ts';
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
}

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
    return found.items
      .filter(job => job.metadata.deletionTimestamp === undefined)
      .map(job => ({ job, pods: their.items.filter(pod => belongsTo(pod, job)) }));
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
   * @throws StallingError `JobRefused` for resources or labels that are none; TransientError `JobExists` while a Job of that name is another build's, which is told to go.
   */
  async create(request: JobRequest): Promise<Job> {
    const manifest = jobManifest(request, this.#settings());
    try {
      return await this.#client.create(jobs, manifest);
    } catch (error) {
      const refused = isInvalid(error) || (error instanceof ApiError && error.status === 400);
      if (refused) throw new StallingError('JobRefused', `its Job is refused: ${messageOf(error)}`, { cause: error });
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

function buildOf({ metadata }: Job): string {
  return metadata.annotations?.[buildAnnotation] ?? metadata.name;
}

function belongsTo(pod: Pod, job: Job): boolean {
  const owned = pod.metadata.ownerReferences?.some(owner => owner.uid === job.metadata.uid) ?? false;
  return owned || jobNameLabels.some(label => pod.metadata.labels?.[label] === job.metadata.name);
}
