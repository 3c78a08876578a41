/** One look at one addon: resolve what each variant is made of, make the artifacts that are missing, one at a time, and say how each variant stands. */
import { StallingError, messageOf, reasonOf } from '../api/errors.ts';
import { fieldManagers, requestedAt } from '../api/names.ts';
import { type SystemAddon, type SystemAddonSpecVariant, type SystemAddonStatus, systemaddons } from '../api/system-addon.ts';
import type { FollowedImages } from '../definition/followed-images.ts';
import { ImageTrust, type JudgedImages, notLoaded } from '../definition/image-trust.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { type DockerConfig, mergeCredentials } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import { recordLink } from '../telemetry/tracing.ts';
import { ArtifactSigning } from './artifact-signing.ts';
import type { AddonDependencies } from './dependencies.ts';
import { type VariantFacts, variantStep } from './next-step.ts';
import type { OneAtATime } from './one-at-a-time.ts';
import { pruneArtifacts } from './prune-artifacts.ts';
import type { AddonReason } from './reasons.ts';
import type { RefusedInputs } from './refused-inputs.ts';
import { type ResolvedSource, SourceResolver, intervalOf } from './resolve-source.ts';
import {
  type News,
  type VariantState,
  artifactOf,
  needsOf,
  newsOf,
  presentOutcome,
  presentStatus,
  statusDiffers,
  suspendedStatus,
} from './status.ts';
import type { UnsignedArtifacts } from './unsigned-artifacts.ts';
import { variantKey } from './variant-key.ts';
import { variantName } from './variant.ts';

/** What passes share. Nothing of it is needed: without it, the same is looked up and tried again. */
export interface Shared {
  followed: FollowedImages;
  judged: JudgedImages;
  refused: RefusedInputs;
  unsigned: UnsignedArtifacts;
  turn: OneAtATime;
}

/** A source that may be about to say that it has applied the addon. */
const sourceRecheckMs = 500;
/** An artifact that could not be looked up. */
const failedCheckMs = 30_000;

export class Pass {
  readonly #o: AddonDependencies;
  readonly #shared: Shared;
  #addon: SystemAddon;
  /** The status at the begin. */
  readonly #began: SystemAddonStatus | undefined;
  readonly #context: ReconcileContext;
  readonly #trust: ImageTrust;
  readonly #resolver: SourceResolver;
  readonly #requested: boolean;
  readonly #lookupsFailed: Error[] = [];
  readonly #signing: ArtifactSigning;
  #unsure = false;
  #waits = false;
  #credentials: Promise<DockerConfig | undefined> | undefined;

  constructor(dependencies: AddonDependencies, shared: Shared, addon: SystemAddon, context: ReconcileContext) {
    const { client, trust, openRevision, packages } = dependencies;
    const { metadata, status, kind } = addon;
    const asked = metadata.annotations?.[requestedAt];
    this.#o = dependencies;
    this.#shared = shared;
    this.#addon = addon;
    this.#began = status;
    this.#context = context;
    this.#requested = asked !== undefined && asked !== status?.lastHandledReconcileAt;
    const auth = () => this.#auth();
    this.#trust = new ImageTrust({ trust, judged: shared.judged, credentials: auth, again: this.#requested });
    this.#signing = new ArtifactSigning(addon, {
      ...dependencies.signing,
      client,
      registry: dependencies.registry,
      trust: this.#trust,
      auth,
      signal: context.signal,
      requested: this.#requested,
      unsigned: shared.unsigned,
      clock: dependencies.clock,
    });
    this.#resolver = new SourceResolver(addon, {
      client,
      followed: shared.followed,
      trust: this.#trust,
      installed: (variant, of) => packages.installed(addon, variant, of),
      open: (source, revision) => openRevision(source, revision, { ...metadata, kind }),
      auth,
      force: this.#requested,
      settled: status?.observedGeneration === metadata.generation,
    });
  }

  async run(): Promise<Result | void> {
    const { variants, suspend } = this.#addon.spec;
    if (suspend) {
      await this.#o.packages.rest(this.#addon);
      await this.#write(suspendedStatus(this.#addon, this.#date()));
      return;
    }
    await this.#o.packages.tidy(this.#addon);
    const sources = await Promise.all(variants.map((variant, i) => this.#resolve(variant, i)));
    const states = await Promise.all(variants.map((variant, i) => this.#stateOf(variant, sources[i])));
    for (const [i, variant] of variants.entries()) {
      const source = sources[i];
      const state = states[i];
      if (!state || !(source && 'content' in source)) continue;
      if (state.kind === 'ToMake') await this.#writePresent(states);
      states[i] = await this.#signed(variant, state.kind === 'ToMake' ? await this.#make(variant, source) : state);
    }
    await this.#writePresent(states);
    await this.#prune();
    return this.#again(states);
  }

  /** Removes former artifacts that nobody needs, where that is asked for. */
  async #prune(): Promise<void> {
    const { history: before, ...status } = this.#addon.status ?? {};
    if (!before) return;
    const { client, registry, now } = this.#o;
    const { history, news } = await pruneArtifacts(this.#addon, {
      client,
      registry,
      auth: () => this.#auth(),
      now,
      signal: this.#context.signal,
      // What is being made may be found in the registry just then.
      alone: work => this.#shared.turn.run(this.#context.signal, work),
    });
    await this.#write(history.length > 0 ? { ...status, history } : status);
    for (const one of news) this.#record(one);
  }

  /** @throws what ends the whole pass: trust that is not loaded yet, and the end of the process */
  async #resolve(variant: SystemAddonSpecVariant, index: number): Promise<ResolvedSource | { error: unknown }> {
    try {
      const source = await this.#resolver.resolve(variant, index);
      if (!source.looked) this.#unsure = true;
      if (source.lookupFailed) this.#lookupsFailed.push(source.lookupFailed);
      return source;
    } catch (error) {
      if (reasonOf(error) === notLoaded || this.#context.signal.aborted) throw error;
      return { error: this.#seen(error) };
    }
  }

  async #stateOf(
    variant: SystemAddonSpecVariant,
    source: ResolvedSource | { error: unknown } | undefined,
  ): Promise<VariantState> {
    const artifact = artifactOf(this.#addon.status, variant);
    if (!source || 'error' in source) return { kind: 'Failed', artifact, error: source?.error };
    const { inputs } = source;
    const made = artifact.inputs;
    const image = made === inputs ? artifact.image : undefined;
    const step = variantStep({
      inputs,
      made: image === undefined ? undefined : made,
      artifact: image === undefined ? 'Unknown' : await this.#look(image),
      refused: this.#shared.refused.get(this.#refusalKey(variant), inputs),
      requested: this.#requested,
    });
    switch (step.kind) {
      case 'Keep':
        // Of the same inputs, which the spec's services and requirements are among.
        return {
          kind: 'Good',
          artifact: { ...artifact, ...needsOf(this.#addon.spec), source: source.source, ...trustOf(source) },
        };
      case 'Refuse':
        return { kind: 'Failed', artifact, error: step.error };
      case 'Make':
        if (step.why === 'Gone') {
          const note = `${variantName(variant)}: the registry no longer has ${image ?? ''}; it is made again`;
          this.#record({ type: 'Warning', reason: 'ArtifactGone' satisfies AddonReason, note });
        }
        return { kind: 'ToMake', artifact };
    }
  }

  async #look(image: string): Promise<VariantFacts['artifact']> {
    try {
      await this.#o.registry.resolve(image, await this.#auth());
      return 'Present';
    } catch (error) {
      if (error instanceof NotFoundError) return 'Gone';
      this.#lookupsFailed.push(this.#seen(error));
      return 'Unknown';
    }
  }

  async #make(variant: SystemAddonSpecVariant, source: ResolvedSource): Promise<VariantState> {
    const { signal, log } = this.#context;
    const { name } = this.#addon.metadata;
    const { content, inputs } = source;
    const unsigned = this.#shared.unsigned.get(this.#refusalKey(variant), inputs);
    if (unsigned) return { kind: 'Good', artifact: { ...unsigned, source: source.source, ...trustOf(source) } };
    const start = this.#o.now();
    const seconds = (): number => Math.max(0, this.#o.now() - start) / 1000;
    try {
      await this.#signing.keys();
      const made = await this.#shared.turn.run(signal, async () =>
        this.#o.make({ addon: this.#addon, variant, content }, { auth: await this.#auth(), signal, log }),
      );
      const { image, digest, size } = made;
      log.info({ addon: name, image, digest }, `made ${variantName(variant)}`);
      metrics.addonImages.inc({ result: 'built' });
      metrics.addonImageSeconds.observe({ result: 'built' }, seconds());
      metrics.addonImageBytes.inc({ how: 'pushed' }, made.sentBytes);
      metrics.addonImageBytes.inc({ how: 'reused' }, Math.max(0, size - made.sentBytes));
      const revision = source.source.includes('@sha1:') ? source.source : undefined;
      recordLink({ link: 'addon', revision, start, end: this.#o.now(), attributes: { addon: name, digest } });
      const needs = needsOf(this.#addon.spec);
      return { kind: 'Good', artifact: { image, digest, size, ...needs, source: source.source, inputs, ...trustOf(source) } };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const refused = error instanceof StallingError;
      if (refused) this.#shared.refused.note(this.#refusalKey(variant), inputs, error);
      const result = refused ? 'refused' : 'failed';
      metrics.addonImages.inc({ result });
      metrics.addonImageSeconds.observe({ result }, seconds());
      return { kind: 'Failed', artifact: artifactOf(this.#addon.status, variant), error: this.#seen(error) };
    }
  }

  async #signed(variant: SystemAddonSpecVariant, state: VariantState): Promise<VariantState> {
    if (state.kind !== 'Good' || !this.#addon.spec.signing) return state;
    const before = artifactOf(this.#addon.status, variant);
    try {
      const { artifact, note } = await this.#signing.give(variant, {
        artifact: state.artifact,
        before,
        key: this.#refusalKey(variant),
      });
      if (note !== undefined) this.#record({ type: 'Normal', reason: 'ArtifactSigned' satisfies AddonReason, note });
      if (artifact) return { kind: 'Good', artifact };
      this.#waits = true;
      return { kind: 'ToMake', artifact: before };
    } catch (error) {
      if (this.#context.signal.aborted) throw this.#context.signal.reason;
      if (reasonOf(error) === notLoaded) throw error;
      return { kind: 'Failed', artifact: before, error: this.#seen(error) };
    }
  }

  /** What nobody foresaw comes into the log with its stack: the status has its words only. */
  #seen(error: unknown): Error {
    if (reasonOf(error) === 'Error') this.#context.log.error({ addon: this.#addon.metadata.name, error }, 'a variant failed');
    return error instanceof Error ? error : new Error(messageOf(error));
  }

  #again(states: readonly VariantState[]): Result {
    const outcome = presentOutcome(this.#addon, states);
    const lookAgainMs = Math.min(
      this.#resolver.againMs ?? Infinity,
      intervalOf(this.#addon) * (1 + 0.1 * this.#o.random()),
      this.#lookupsFailed.length > 0 ? failedCheckMs : Infinity,
      this.#waits ? sourceRecheckMs : Infinity,
    );
    if (outcome.kind !== 'Failed') return { requeueAfterMs: lookAgainMs };
    const { error } = outcome;
    // What a person is asked to change may also end when a tag moves.
    if (error instanceof StallingError) throw new StallingError(error.reason, error.message, { cause: error, lookAgainMs });
    throw error;
  }

  async #writePresent(states: readonly VariantState[]): Promise<void> {
    await this.#write(
      presentStatus(
        this.#addon,
        { states, trusted: this.#trust.condition(), lookupsFailed: this.#lookupsFailed, unsure: this.#unsure },
        this.#date(),
      ),
    );
  }

  async #write(status: SystemAddonStatus): Promise<void> {
    const { apiVersion, kind, metadata, status: before } = this.#addon;
    if (!statusDiffers(before, status)) return;
    const object = {
      apiVersion,
      kind,
      metadata: { name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) },
      status,
    };
    await this.#o.client.applyStatus(systemaddons, object, { fieldManager: fieldManagers.addon });
    this.#addon = { ...this.#addon, status };
    for (const news of newsOf(before, status, this.#began)) this.#record(news);
  }

  #record({ type, reason, note }: News): void {
    const { apiVersion, kind, metadata } = this.#addon;
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    this.#o.events.record({ regarding, type, reason, action: 'Reconcile', note });
  }

  /** What it pulls with, and what it pushes with; each Secret is read once a pass. */
  #auth(): Promise<DockerConfig | undefined> {
    this.#credentials ??= this.#readCredentials();
    return this.#credentials;
  }

  async #readCredentials(): Promise<DockerConfig | undefined> {
    const { pullSecretRef, output } = this.#addon.spec;
    const push = await this.#o.readCredentials(output.pushSecretRef?.name);
    return mergeCredentials(await this.#o.readCredentials(pullSecretRef?.name), push);
  }

  #refusalKey(variant: SystemAddonSpecVariant): string {
    return `${this.#addon.metadata.uid ?? ''} ${variantKey(variant)}`;
  }

  #date(): Date {
    return new Date(this.#o.now());
  }
}

function trustOf({ trust }: ResolvedSource): Pick<ResolvedSource, 'trust'> {
  return trust ? { trust } : {};
}
