/** SystemDefinition: resolve the images, render, push the context, ask for the build, follow it. One status write a pass. */
import { StallingError, WaitingError } from '../api/errors.ts';
import { type ImageBuild, imagebuilds } from '../api/image-build.ts';
import { documentAnnotation, fieldManagers, requestedAt } from '../api/names.ts';
import { type SystemDefinition, type SystemDefinitionStatus, systemdefinitions } from '../api/system-definition.ts';
import { systemsources } from '../api/system-source.ts';
import { type Context, contextDigest, pushContext } from '../build/context.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile, ReconcileContext, Result } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import { findObject } from '../kube/find-object.ts';
import type { Store } from '../kube/store.ts';
import { type DockerConfig, mergeCredentials } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { recordLink } from '../telemetry/tracing.ts';
import { BaseChecks } from './base-checks.ts';
import { baseCycle } from './base-cycle.ts';
import { lacksContext, outcomeOf } from './build-outcome.ts';
import { requestedBuild } from './build-request.ts';
import type { Input } from './files.ts';
import { FollowedImages } from './followed-images.ts';
import { ImagePlatforms, warnOfPlatforms } from './image-platforms.ts';
import { type InputImages, resolveImages } from './input-images.ts';
import { type InputTree, collectInputs } from './inputs.ts';
import { outputHolder, outputKey } from './output-conflict.ts';
import { type DefinitionView, followedSource } from './projection.ts';
import type { DefinitionReason } from './reasons.ts';
import { type Rendered, render } from './render.ts';
import { type KnownContext, RenderedContexts } from './rendered-contexts.ts';
import { requestedInputs } from './repository-path.ts';
import { type News, type Present, failedStatus, followingStatus, newsOf, statusDiffers, suspendedStatus } from './status.ts';
import { alignExecution, askAgain, findBuild } from './wanted-build.ts';

export interface DefinitionDependencies {
  client: Client;
  registry: Registry;
  /** All definitions, with definitionIndexes. */
  definitions: Store<DefinitionView>;
  /** A source's repository at `main@sha1:<40 hex>`. */
  openRevision: (source: string, revision: string) => Promise<InputTree>;
  /** The registry credentials of a Secret in the operator's namespace; undefined when none is named. */
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
  /** Milliseconds that never go back. */
  clock: () => number;
  /** In [0, 1). */
  random: () => number;
}

/** What passes share. Nothing of it is needed: without it, the same is looked up and rendered again. */
interface Shared {
  followed: FollowedImages;
  checks: BaseChecks;
  platforms: ImagePlatforms;
  rendered: RenderedContexts;
}

/** How long a source may take to appear or to apply its first revision; its change wakes the definition sooner. */
const sourceRecheckMs = 60_000;

export function createDefinitionReconciler(dependencies: DefinitionDependencies): { reconcile: Reconcile } {
  const { client, registry, clock, random } = dependencies;
  const shared: Shared = {
    followed: new FollowedImages({ registry, now: clock, random }),
    checks: new BaseChecks(registry),
    platforms: new ImagePlatforms(registry),
    rendered: new RenderedContexts(),
  };
  return {
    reconcile: async (name, context) => {
      const definition = await findObject(client, systemdefinitions, name);
      if (definition && definition.metadata.deletionTimestamp === undefined)
        return new Pass(dependencies, shared, definition, context).run();
      shared.rendered.forget(name);
    },
  };
}

/** One look at one definition. */
class Pass {
  readonly #o: DefinitionDependencies;
  readonly #shared: Shared;
  readonly #definition: SystemDefinition;
  readonly #context: ReconcileContext;
  /** What the pass found so far, for the status when it ends early. */
  readonly #found: { images?: InputImages } = {};
  readonly #secrets = new Map<string | undefined, Promise<DockerConfig | undefined>>();

  constructor(dependencies: DefinitionDependencies, shared: Shared, definition: SystemDefinition, context: ReconcileContext) {
    this.#o = dependencies;
    this.#shared = shared;
    this.#definition = definition;
    this.#context = context;
  }

  async run(): Promise<Result | void> {
    const now = (): Date => new Date(this.#o.now());
    if (this.#definition.spec.build.suspend) return this.#write(suspendedStatus(this.#definition, now()));
    let present: Present;
    try {
      present = await this.#advance();
    } catch (error) {
      await this.#write(failedStatus(this.#definition, this.#found, error, now()));
      throw this.#following(error);
    }
    await this.#write(followingStatus(this.#definition, present, now()));
    const outcome = outcomeOf(present.build, present.revision);
    if (outcome.kind === 'Failed') throw this.#following(outcome.error);
    const { againMs } = present.images;
    return againMs === undefined ? undefined : { requeueAfterMs: againMs };
  }

  /** What a person is asked to change may also end when a followed image changes. */
  #following(error: unknown): unknown {
    const lookAgainMs = this.#found.images?.againMs;
    if (!(error instanceof StallingError) || lookAgainMs === undefined) return error;
    return new StallingError(error.reason, error.message, { cause: error, lookAgainMs });
  }

  async #advance(): Promise<Present> {
    this.#refuseCircle();
    this.#refuseForeignOutput();
    const images = await this.#resolveImages();
    this.#found.images = images;
    const revision = await this.#revision();
    const known = this.#knownContext(images, revision);
    const found = known && (await findBuild(this.#o.client, this.#definition, { ...images, context: known.contextDigest }));
    if (known && found && !lacksContext(found)) return { ...known, images, build: await this.#tend(found), revision };

    const began = this.#o.now();
    const context = await this.#render(images, revision);
    const findings = [...context.warnings, ...(await this.#platformWarnings(images))];
    const rendered: KnownContext = { contextDigest: contextDigest(context), findings };
    if (followedSource(this.#definition.spec) !== undefined)
      this.#shared.rendered.remember(this.#definition, { ...images, revision }, rendered);
    const same = await findBuild(this.#o.client, this.#definition, { ...images, context: rendered.contextDigest });
    if (same && lacksContext(same)) await this.#pushContext(context);
    const build = same ?? (await this.#createBuild(images, context, { revision, began }));
    return { ...rendered, images, build: await this.#tend(build), revision };
  }

  #refuseCircle(): void {
    const { definitions } = this.#o;
    const own = this.#definition.spec.base.definitionRef?.name;
    const path = baseCycle(this.#name, name => (name === this.#name ? own : definitions.get(name)?.base));
    if (!path) return;
    const message = `spec.base.definitionRef: the definitions are based on each other: ${path.join(' → ')}; give one of them a base.image`;
    throw new StallingError('BaseCycle' satisfies DefinitionReason, message);
  }

  #refuseForeignOutput(): void {
    const { metadata, spec } = this.#definition;
    const own = { name: this.#name, createdAt: metadata.creationTimestamp ?? '' };
    const holder = outputHolder(own, this.#o.definitions.byIndex('output', outputKey(spec.output.repository)));
    if (holder === undefined) return;
    const message = `spec.output.repository: ${spec.output.repository} is the output of SystemDefinition ${holder}, which is older; choose another repository`;
    throw new StallingError('OutputConflict' satisfies DefinitionReason, message);
  }

  async #resolveImages(): Promise<InputImages> {
    const { client } = this.#o;
    const { status } = this.#definition;
    const auth = await this.#pullCredentials();
    // A build was asked for: all that comes before it was good.
    const accepted = this.#isSettled && status?.latestBuild !== undefined;
    return resolveImages({ client, ...this.#shared }, this.#definition, { auth, force: this.#isRequested, accepted });
  }

  async #pullCredentials(): Promise<DockerConfig | undefined> {
    const { base, output } = this.#definition.spec;
    const push = await this.#credentials(output.pushSecretRef?.name);
    return mergeCredentials(await this.#credentials(base.pullSecretRef?.name), push);
  }

  async #platformWarnings(images: InputImages): Promise<string[]> {
    const { spec } = this.#definition;
    return spec.workloads ? warnOfPlatforms(this.#shared.platforms, spec, images, await this.#pullCredentials()) : [];
  }

  /** The revision that the definition stands for: its own, or that of the source it reads. */
  async #revision(): Promise<string | undefined> {
    const { spec } = this.#definition;
    const name = followedSource(spec);
    if (name === undefined) return spec.sourceRef?.revision;
    const source = await findObject(this.#o.client, systemsources, name);
    const revision = source?.status?.lastAppliedRevision;
    if (revision !== undefined) return revision;
    const why = source ? 'has not applied a revision yet' : 'does not exist; apply it or correct the name';
    throw new WaitingError(
      'SourceNotReady' satisfies DefinitionReason,
      `spec.sourceRef: SystemSource ${name} ${why}`,
      sourceRecheckMs,
    );
  }

  /** What rendering would give, when that is known without rendering. */
  #knownContext(images: InputImages, revision: string | undefined): KnownContext | undefined {
    if (!this.#isSettled) return undefined;
    const { spec, status } = this.#definition;
    if (followedSource(spec) !== undefined) return this.#shared.rendered.recall(this.#definition, { ...images, revision });
    const before = status?.workloadImages ?? [];
    const same = before.length === images.workloads.size && before.every(w => images.workloads.get(w.image) === w.digest);
    return same && status?.contextDigest !== undefined ? { contextDigest: status.contextDigest } : undefined;
  }

  async #render({ workloads }: InputImages, revision: string | undefined): Promise<Rendered> {
    const { metadata, spec } = this.#definition;
    const document = metadata.annotations?.[documentAnnotation];
    const requests = requestedInputs(spec, document);
    const source = spec.sourceRef?.name;
    const inputs =
      requests.length > 0 && source !== undefined && revision !== undefined
        ? await collectInputs(requests, await this.#o.openRevision(source, revision), { revision, document })
        : new Map<string, Input>();
    return render({ definition: this.#name, spec, inputs, document, workloadImages: workloads });
  }

  async #pushContext(context: Context): Promise<string> {
    const { repository, pushSecretRef } = this.#definition.spec.output;
    return pushContext(this.#o.registry, repository, context, await this.#credentials(pushSecretRef?.name));
  }

  async #createBuild(
    images: InputImages,
    context: Context,
    { revision, began }: { revision: string | undefined; began: number },
  ): Promise<ImageBuild> {
    const digest = await this.#pushContext(context);
    const request = { base: images.base, context: digest, revision };
    const build = await this.#o.client.create(imagebuilds, requestedBuild(this.#definition, request), {
      fieldManager: fieldManagers.definition,
    });
    this.#context.log.info({ build: build.metadata.name, context: digest, revision }, 'asked for a build');
    const attributes = { definition: this.#name, build: build.metadata.name };
    recordLink({ link: 'render', revision, start: began, end: this.#o.now(), attributes });
    const note = `ImageBuild ${build.metadata.name}${revision === undefined ? '' : ` of ${revision}`}`;
    this.#record({ type: 'Normal', reason: 'BuildRequested', note });
    return build;
  }

  async #tend(build: ImageBuild): Promise<ImageBuild> {
    const { client, registry, now } = this.#o;
    const { pushSecretRef } = this.#definition.spec.output;
    const asking = { client, registry, requested: this.#isRequested, now, auth: () => this.#credentials(pushSecretRef?.name) };
    return askAgain(asking, this.#definition, await alignExecution(client, this.#definition, build));
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
    for (const news of newsOf(before, status)) this.#record(news);
  }

  #record({ type, reason, note }: News): void {
    const { apiVersion, kind, metadata } = this.#definition;
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    this.#o.events.record({ regarding, type, reason, action: 'Reconcile', note });
  }

  /** Each Secret is read once a pass. */
  #credentials(secret: string | undefined): Promise<DockerConfig | undefined> {
    const read = this.#secrets.get(secret) ?? this.#o.readCredentials(secret);
    this.#secrets.set(secret, read);
    return read;
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
