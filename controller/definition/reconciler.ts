/** SystemDefinition: resolve the base, render, push the context, ask for the build, follow it. One status write a pass. */
import { TransientError, WaitingError } from '../api/errors.ts';
import { type ImageBuild, imagebuilds } from '../api/image-build.ts';
import { documentAnnotation, fieldManagers, requestedAt } from '../api/names.ts';
import { type SystemDefinition, type SystemDefinitionStatus, systemdefinitions } from '../api/system-definition.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import { systemsources } from '../api/system-source.ts';
import { baseInfo } from '../build/base.ts';
import { type Context, contextDigest, pushContext } from '../build/context.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile, ReconcileContext } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import { requestedBuild, requestedBuildName } from './build-request.ts';
import type { Input } from './files.ts';
import { type InputTree, collectInputs } from './inputs.ts';
import { followedSource } from './projection.ts';
import type { DefinitionReason } from './reasons.ts';
import { render } from './render.ts';
import { requestedInputs } from './repository-path.ts';
import {
  type Present,
  failedStatus,
  followingStatus,
  isTransition,
  outcomeOf,
  statusDiffers,
  suspendedStatus,
  transitionEvent,
} from './status.ts';

export interface DefinitionDependencies {
  client: Client;
  registry: Registry;
  /** A source's repository at `main@sha1:<40 hex>`. */
  openRevision: (source: string, revision: string) => Promise<InputTree>;
  /** The registry credentials of a Secret in the operator's namespace; undefined when none is named. */
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
}

/** What a definition that follows a source rendered to last. Only saves work: without it the same is rendered again. */
type Rendered = Map<string, { generation: number | undefined; revision: string; contextDigest: string }>;

/** How long a source may take to appear or to apply its first revision; its change wakes the definition sooner. */
const sourceRecheckMs = 60_000;
/** The garbage collector takes the builds of a deleted definition in about this time. */
const collectionRecheckMs = 5_000;

export function createDefinitionReconciler(dependencies: DefinitionDependencies): { reconcile: Reconcile } {
  const rendered: Rendered = new Map();
  return {
    reconcile: async (name, context) => {
      const definition = await find(dependencies.client, systemdefinitions, name);
      if (!definition || definition.metadata.deletionTimestamp !== undefined) {
        rendered.delete(name);
        return;
      }
      await new Pass(dependencies, rendered, definition, context).run();
    },
  };
}

/** One look at one definition. */
class Pass {
  readonly #o: DefinitionDependencies;
  readonly #rendered: Rendered;
  readonly #definition: SystemDefinition;
  readonly #context: ReconcileContext;
  /** What the pass found so far, for the status when it ends early. */
  readonly #found: Partial<Present> = {};
  #credentials: Promise<DockerConfig | undefined> | undefined;

  constructor(dependencies: DefinitionDependencies, rendered: Rendered, definition: SystemDefinition, context: ReconcileContext) {
    this.#o = dependencies;
    this.#rendered = rendered;
    this.#definition = definition;
    this.#context = context;
  }

  async run(): Promise<void> {
    const now = (): Date => new Date(this.#o.now());
    if (this.#definition.spec.build.suspend) return this.#write(suspendedStatus(this.#definition, now()));
    let present: Present;
    try {
      present = await this.#advance();
    } catch (error) {
      await this.#write(failedStatus(this.#definition, this.#found, error, now()));
      throw error;
    }
    await this.#write(followingStatus(this.#definition, present, now()));
    const outcome = outcomeOf(present.build, present.revision);
    if (outcome.kind === 'Failed') throw outcome.error;
  }

  async #advance(): Promise<Present> {
    const base = await this.#resolveBase();
    this.#found.base = base;
    const revision = await this.#revision();
    const known = this.#knownContext(revision);
    const found = known === undefined ? undefined : await this.#findBuild(base, known);
    if (known !== undefined && found) return { base, contextDigest: known, build: await this.#passOnRequest(found), revision };

    const context = await this.#render(revision);
    const digest = contextDigest(context);
    const source = followedSource(this.#definition.spec);
    if (source !== undefined && revision !== undefined) {
      this.#rendered.set(this.#name, { generation: this.#definition.metadata.generation, revision, contextDigest: digest });
    }
    const build = (await this.#findBuild(base, digest)) ?? (await this.#createBuild(base, context, revision));
    return { base, contextDigest: digest, build: await this.#passOnRequest(build), revision };
  }

  /** The base by digest: resolved when the spec changed or on request, and otherwise as it was. */
  async #resolveBase(): Promise<{ image: string; digest: string }> {
    const { image = '' } = this.#definition.spec.base;
    const before = this.#definition.status?.base;
    if (this.#isSettled && before?.image === image && before.digest !== undefined) return { image, digest: before.digest };
    const auth = await this.#auth();
    try {
      const { reference, digest } = await this.#o.registry.resolve(image, auth);
      await baseInfo(this.#o.registry, reference, auth);
      return { image, digest };
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new TransientError('BaseNotFound', `base image ${image}: ${error.message}`, { cause: error });
    }
  }

  /** The revision that the definition stands for: its own, or that of the source it reads. */
  async #revision(): Promise<string | undefined> {
    const { spec } = this.#definition;
    const name = followedSource(spec);
    if (name === undefined) return spec.sourceRef?.revision;
    const source = await find(this.#o.client, systemsources, name);
    const revision = source?.status?.lastAppliedRevision;
    if (revision !== undefined) return revision;
    const why = source ? 'has not applied a revision yet' : 'does not exist; apply it or correct the name';
    throw new WaitingError(
      'SourceNotReady' satisfies DefinitionReason,
      `spec.sourceRef: SystemSource ${name} ${why}`,
      sourceRecheckMs,
    );
  }

  /** The digest that rendering would give, when that is known without rendering. */
  #knownContext(revision: string | undefined): string | undefined {
    if (!this.#isSettled) return undefined;
    if (followedSource(this.#definition.spec) === undefined) return this.#definition.status?.contextDigest;
    const last = this.#rendered.get(this.#name);
    return last?.generation === this.#definition.metadata.generation && last?.revision === revision
      ? last?.contextDigest
      : undefined;
  }

  async #render(revision: string | undefined): Promise<Context> {
    const { metadata, spec } = this.#definition;
    const document = metadata.annotations?.[documentAnnotation];
    const requests = requestedInputs(spec, document);
    const source = spec.sourceRef?.name;
    const inputs =
      requests.length > 0 && source !== undefined && revision !== undefined
        ? await collectInputs(requests, await this.#o.openRevision(source, revision), { revision, document })
        : new Map<string, Input>();
    return render({ definition: this.#name, spec, inputs, document });
  }

  /** The ImageBuild of these inputs, if it exists and is this definition's. */
  async #findBuild(base: { image: string; digest: string }, digest: string): Promise<ImageBuild | undefined> {
    const build = await find(this.#o.client, imagebuilds, requestedBuildName(this.#definition, { base, context: digest }));
    if (!build) return undefined;
    const owned = build.metadata.ownerReferences?.some(owner => owner.uid === this.#definition.metadata.uid) ?? false;
    if (owned && build.metadata.deletionTimestamp === undefined) return build;
    const message = `ImageBuild ${build.metadata.name} is not this definition's, or is being deleted; it is made again when it is gone`;
    throw new WaitingError('BuildNotOwned' satisfies DefinitionReason, message, collectionRecheckMs);
  }

  async #createBuild(
    base: { image: string; digest: string },
    context: Context,
    revision: string | undefined,
  ): Promise<ImageBuild> {
    const { repository } = this.#definition.spec.output;
    const digest = await pushContext(this.#o.registry, repository, context, await this.#auth());
    const build = await this.#o.client.create(imagebuilds, requestedBuild(this.#definition, { base, context: digest, revision }));
    this.#context.log.info({ build: build.metadata.name, context: digest, revision }, 'asked for a build');
    this.#record(
      'Normal',
      'BuildRequested',
      `ImageBuild ${build.metadata.name}${revision === undefined ? '' : ` of ${revision}`}`,
    );
    return build;
  }

  /** A request to reconcile the definition is also one to try its failed build again. */
  async #passOnRequest(build: ImageBuild): Promise<ImageBuild> {
    const value = this.#definition.metadata.annotations?.[requestedAt];
    const asked = value === undefined || build.metadata.annotations?.[requestedAt] === value;
    if (!this.#isRequested || asked || build.status?.phase !== 'Failed') return build;
    const body = { metadata: { annotations: { [requestedAt]: value } } };
    return this.#o.client.mergePatch(imagebuilds, build.metadata.name, body, { fieldManager: fieldManagers.definition });
  }

  async #write(status: SystemDefinitionStatus): Promise<void> {
    const { apiVersion, kind, metadata, status: before } = this.#definition;
    if (!statusDiffers(before, status)) return;
    const object = {
      apiVersion,
      kind,
      metadata: { name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) },
      status,
    };
    await this.#o.client.applyStatus(systemdefinitions, object, { fieldManager: fieldManagers.definition });
    if (!isTransition(before, status)) return;
    const { type, reason, note } = transitionEvent(status);
    this.#record(type, reason, note);
  }

  #record(type: 'Normal' | 'Warning', reason: string, note: string): void {
    const { apiVersion, kind, metadata } = this.#definition;
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    this.#o.events.record({ regarding, type, reason, action: 'Reconcile', note });
  }

  /** Read once a pass, and only when the registry is asked. */
  #auth(): Promise<DockerConfig | undefined> {
    this.#credentials ??= this.#o.readCredentials(this.#definition.spec.output.pushSecretRef?.name);
    return this.#credentials;
  }

  get #name(): string {
    return this.#definition.metadata.name;
  }

  /** A person asked for this pass. */
  get #isRequested(): boolean {
    const requested = this.#definition.metadata.annotations?.[requestedAt];
    return requested !== undefined && requested !== this.#definition.status?.lastHandledReconcileAt;
  }

  /** The status is of this very spec, so what it says of the inputs holds. */
  get #isSettled(): boolean {
    return this.#definition.status?.observedGeneration === this.#definition.metadata.generation && !this.#isRequested;
  }
}

/** The object, or undefined when the API server says definitely that it is not there. */
async function find<T extends KubeObject>(client: Client, resource: Resource<T>, name: string): Promise<T | undefined> {
  try {
    return await client.get(resource, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
