/** SystemDefinition: resolve the images, render, push the context, ask for the build, follow it. One status write a pass. */
import { StallingError, reasonOf } from '../api/errors.ts';
import { type ImageBuild, imagebuilds } from '../api/image-build.ts';
import { documentAnnotation, fieldManagers, requestedAt } from '../api/names.ts';
import { type SystemDefinition, type SystemDefinitionStatus, systemdefinitions } from '../api/system-definition.ts';
import { type Context, contextDigest, pushContext } from '../build/context.ts';
import type { Reconcile, ReconcileContext, Result } from '../kube/controller.ts';
import { findObject } from '../kube/find-object.ts';
import { type DockerConfig, mergeCredentials } from '../registry/credentials.ts';
import { parseReference } from '../registry/reference.ts';
import { recordLink } from '../telemetry/tracing.ts';
import { recordIn } from '../trust/judgement.ts';
import { type StageImage, inlineStageImages } from './authored-containerfile.ts';
import { BaseChecks } from './base-checks.ts';
import { imageOf, lacksContext } from './build-outcome.ts';
import { requestedBuild } from './build-request.ts';
import { refuseConflicts } from './conflicts.ts';
import type { DefinitionDependencies, Shared } from './dependencies.ts';
import type { Input } from './files.ts';
import { FollowedImages } from './followed-images.ts';
import { type HostTrustFiles, hostTrustDigest, pulledImages, requireRead, sooner } from './host-trust.ts';
import { ImagePlatforms, warnOfPlatforms } from './image-platforms.ts';
import { failureOf, ImageTrust, type ImageVerdict, JudgedImages, notLoaded, notLoadedMs } from './image-trust.ts';
import { type InputImages, resolveImages } from './input-images.ts';
import { collectInputs } from './inputs.ts';
import { judgeKept } from './kept-images.ts';
import { followedSource } from './projection.ts';
import { type Rendered, render } from './render.ts';
import { type KnownContext, type RenderedFrom, RenderedContexts } from './rendered-contexts.ts';
import { requestedInputs } from './repository-path.ts';
import { sourceRevision } from './source-revision.ts';
import {
  type News,
  type Present,
  failedStatus,
  followingStatus,
  newsOf,
  presentOutcome,
  statusDiffers,
  suspendedStatus,
} from './status.ts';
import { alignExecution, askAgain, findBuild } from './wanted-build.ts';

export function createDefinitionReconciler(dependencies: DefinitionDependencies): { reconcile: Reconcile } {
  const { client, registry, clock, random } = dependencies;
  const shared: Shared = {
    followed: new FollowedImages({ registry, now: clock, random }),
    checks: new BaseChecks(registry),
    platforms: new ImagePlatforms(registry),
    rendered: new RenderedContexts(),
    judged: new JudgedImages(),
  };
  return {
    reconcile: async (name, context) => {
      if (dependencies.trust.basis('Image', '') === undefined) return { requeueAfterMs: notLoadedMs };
      const definition = await findObject(client, systemdefinitions, name);
      if (definition && definition.metadata.deletionTimestamp === undefined)
        return new Pass(dependencies, shared, definition, context).run();
      shared.rendered.forget(name);
    },
  };
}

/** A look-up of trust that failed, of a definition that is suspended. */
const failedLookMs = 60_000;

/** One look at one definition. */
class Pass {
  readonly #o: DefinitionDependencies;
  readonly #shared: Shared;
  readonly #definition: SystemDefinition;
  readonly #context: ReconcileContext;
  /** What the pass found so far, for the status when it ends early. */
  readonly #found: { images?: InputImages; hostTrust?: HostTrustFiles } = {};
  readonly #trust: ImageTrust;
  readonly #secrets = new Map<string | undefined, Promise<DockerConfig | undefined>>();

  constructor(dependencies: DefinitionDependencies, shared: Shared, definition: SystemDefinition, context: ReconcileContext) {
    this.#o = dependencies;
    this.#shared = shared;
    this.#definition = definition;
    this.#context = context;
    const credentials = () => this.#pullCredentials();
    this.#trust = new ImageTrust({ trust: dependencies.trust, judged: shared.judged, credentials, again: this.#isRequested });
  }

  async run(): Promise<Result | void> {
    const now = (): Date => new Date(this.#o.now());
    if (this.#definition.spec.build.suspend) return this.#rest(now());
    let present: Present;
    try {
      const advanced = await this.#advance();
      present = { ...advanced, imageTrust: await this.#judgeImage(advanced), trusted: this.#trust.condition() };
    } catch (error) {
      if (reasonOf(error) === notLoaded) throw error;
      await this.#write(failedStatus(this.#definition, { ...this.#found, trusted: this.#trust.condition() }, error, now()));
      throw this.#following(error);
    }
    await this.#write(followingStatus(this.#definition, present, now()));
    const outcome = presentOutcome(present);
    if (outcome.kind === 'Failed') throw this.#following(outcome.error);
    const againMs = sooner(present.images.againMs, this.#found.hostTrust?.changesAt, this.#o.now());
    return againMs === undefined ? undefined : { requeueAfterMs: againMs };
  }

  /** Suspended. Only what trust says of what is there may change. */
  async #rest(now: Date): Promise<Result | void> {
    const kept = await judgeKept(this.#trust, this.#definition.status);
    await this.#write(suspendedStatus(this.#definition, kept, now));
    return kept.failed ? { requeueAfterMs: failedLookMs } : undefined;
  }

  /** What a person is asked to change may also end when a followed image changes. */
  #following(error: unknown): unknown {
    const lookAgainMs = this.#found.images?.againMs;
    if (!(error instanceof StallingError) || lookAgainMs === undefined) return error;
    return new StallingError(error.reason, error.message, { cause: error, lookAgainMs });
  }

  async #advance(): Promise<Present> {
    refuseConflicts(this.#definition, this.#o.definitions);
    const images = await this.#resolveImages();
    this.#found.images = images;
    const revision = await sourceRevision(this.#o.client, this.#definition.spec);
    this.#found.hostTrust = this.#o.hostTrust(
      pulledImages(
        this.#definition.spec,
        images,
        this.#o.addons.list().map(({ repository }) => repository),
      ),
    );
    const hostTrust = hostTrustDigest(this.#found.hostTrust, this.#isSettled ? this.#definition.status?.hostTrust : undefined);
    const from = { ...images, revision, hostTrust };
    const known = this.#knownContext(from);
    const found = known && (await findBuild(this.#o.client, this.#definition, { ...images, context: known.contextDigest }));
    if (known && found && !lacksContext(found)) {
      await this.#requireStages(known.stageImages ?? []);
      return { ...known, images, build: await this.#tend(found), revision, hostTrust };
    }

    requireRead(this.#found.hostTrust);
    const began = this.#o.now();
    const context = await this.#render(images, revision);
    await this.#requireStages(context.stageImages);
    const findings = [...context.warnings, ...(await this.#platformWarnings(images))];
    const { stageImages } = context;
    const rendered: KnownContext = { contextDigest: contextDigest(context), findings, stageImages };
    this.#shared.rendered.remember(this.#definition, from, rendered);
    const same = await findBuild(this.#o.client, this.#definition, { ...images, context: rendered.contextDigest });
    if (same && lacksContext(same)) await this.#pushContext(context);
    const build = same ?? (await this.#createBuild(images, context, { revision, began }));
    return { ...rendered, images, build: await this.#tend(build), revision, hostTrust };
  }

  async #resolveImages(): Promise<InputImages> {
    const { client } = this.#o;
    const { status } = this.#definition;
    const auth = await this.#pullCredentials();
    // A build was asked for: all that comes before it was good.
    const accepted = this.#isSettled && status?.latestBuild !== undefined;
    const sources = { client, ...this.#shared, trust: this.#trust };
    return resolveImages(sources, this.#definition, { auth, force: this.#isRequested, accepted });
  }

  /** The images besides the base that its steps are made of are named by digest, and built on like the base. */
  async #requireStages(images: readonly StageImage[]): Promise<void> {
    const asked = images.map(({ image, place }) => ({ what: `${place}: ${image}`, image }));
    const verdicts = await Promise.all(asked.map(async of => ({ of, verdict: await this.#trust.judge(of) })));
    // The first in the file, whichever answer came first.
    for (const { of, verdict } of verdicts) {
      const failure = failureOf(of, verdict);
      if (failure) throw failure;
    }
  }

  /** What trust says of the image that was built, or while there is none of the last good one. */
  async #judgeImage({ build }: Present): Promise<ImageVerdict | undefined> {
    const { status } = this.#definition;
    const made = imageOf(build);
    const image = made ?? status?.image;
    if (image === undefined) return undefined;
    const ofBuild = made === undefined ? undefined : recordIn(build.status?.trust);
    const recorded = image === status?.image ? recordIn(status.trust) : ofBuild;
    return this.#trust.judge({ what: 'status.image', image, recorded, commit: ofBuild?.commit });
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

  /** What rendering would give, when that is known without rendering. */
  #knownContext(from: RenderedFrom): KnownContext | undefined {
    if (!this.#isSettled) return undefined;
    const { spec, status } = this.#definition;
    const last = this.#shared.rendered.recall(this.#definition, from);
    if (followedSource(spec) !== undefined) return last;
    const { workloads, hostTrust } = from;
    const before = (status?.workloadImages ?? []).filter(({ image }) => parseReference(image).digest === undefined);
    const same = before.length === workloads.size && before.every(w => workloads.get(w.image) === w.digest);
    return same && status?.hostTrust === hostTrust && status?.contextDigest !== undefined
      ? { contextDigest: status.contextDigest, stageImages: last?.stageImages ?? inlineStageImages(spec) }
      : undefined;
  }

  async #render({ workloads }: InputImages, revision: string | undefined): Promise<Rendered> {
    const { metadata, spec } = this.#definition;
    const document = metadata.annotations?.[documentAnnotation];
    const requests = requestedInputs(spec, document);
    const source = spec.sourceRef?.name;
    const inputs =
      requests.length > 0 && source !== undefined && revision !== undefined
        ? await collectInputs(requests, await this.#o.openRevision(source, revision, metadata), { revision, document })
        : new Map<string, Input>();
    const hostTrust = this.#found.hostTrust?.files;
    return render({ definition: this.#name, spec, inputs, document, workloadImages: workloads, hostTrust });
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
