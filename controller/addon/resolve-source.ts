/** What each variant is made of now: a digest in place of a tag, and files as they are at a revision. Nothing of an image is read before it is trusted. */
import { type Json, canonicalJson } from '../api/canonical-json.ts';
import { parseDuration } from '../api/duration.ts';
import { TransientError } from '../api/errors.ts';
import type {
  SystemAddon,
  SystemAddonSpecVariant,
  SystemAddonSpecVariantSourceImage,
  SystemAddonStatusVariant,
} from '../api/system-addon.ts';
import type { FollowedImages } from '../definition/followed-images.ts';
import type { Placement } from '../definition/image-tree.ts';
import type { ImageTrust } from '../definition/image-trust.ts';
import type { InputTree } from '../definition/inputs.ts';
import type { Client } from '../kube/client.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import { type StatusJudgement, recordIn } from '../trust/judgement.ts';
import { addonRevision, placeSource, placementsDigest, readsTree, requireSize } from './placed-source.ts';
import type { AddonReason } from './reasons.ts';
import { variantKey } from './variant-key.ts';

/** Files are read once more when something is made of them: what all variants of all addons place is too much to be held until then. */
export type SourceContent = { kind: 'Image'; image: string } | { kind: 'Placed'; read: () => Promise<readonly Placement[]> };

export interface ResolvedSource {
  /** For the status: `repository@sha256:…` of an image, the revision of files that come from a repository, or the digest of what the spec itself holds. */
  source: string;
  /** Digest of all that the variant is made of. */
  inputs: string;
  content: SourceContent;
  /** What trust says of the image. */
  trust?: StatusJudgement;
  /** False while only what is known from before this process is told of a tag. */
  looked: boolean;
  /** The tag could not be looked up; what it named last is used. */
  lookupFailed?: Error;
}

export interface SourceResolverOptions {
  client: Client;
  followed: FollowedImages;
  /** One pass. */
  trust: ImageTrust;
  /** The repository of a source at a revision, for this addon. */
  open: (source: string, revision: string) => Promise<InputTree>;
  auth: () => Promise<DockerConfig | undefined>;
  /** Tags are looked up now, due or not. */
  force: boolean;
  /** The status is of this very spec, so that what it says of a tag is of the same one. */
  settled: boolean;
}

/** No shorter, whatever is stored: each addon may ask a registry this often. */
const shortestIntervalMs = 10_000;

/** How often tags are looked up, and whether artifacts are still there. */
export function intervalOf({ spec }: SystemAddon): number {
  return Math.max(shortestIntervalMs, parseDuration(spec.interval));
}

/** One pass over one addon: its variants share the revision. */
export class SourceResolver {
  readonly #o: SourceResolverOptions;
  readonly #addon: SystemAddon;
  #revision: Promise<string | undefined> | undefined;
  #againMs: number | undefined;
  #lastPlaced: Promise<void> = Promise.resolve();

  constructor(addon: SystemAddon, options: SourceResolverOptions) {
    this.#addon = addon;
    this.#o = options;
  }

  /** Milliseconds until a tag is to be looked up again; undefined while none is followed. */
  get againMs(): number | undefined {
    return this.#againMs;
  }

  /** @throws what the registry, trust or the repository says against it; StallingError, WaitingError or TransientError */
  async resolve(variant: SystemAddonSpecVariant, index: number): Promise<ResolvedSource> {
    const field = `spec.variants[${index}].source`;
    const { image } = variant.source;
    return image ? this.#image(variant, image, `${field}.image`) : this.#placed(variant, field);
  }

  async #image(
    variant: SystemAddonSpecVariant,
    { reference, path, ignore }: SystemAddonSpecVariantSourceImage,
    field: string,
  ): Promise<ResolvedSource> {
    const { digest, looked, lookupFailed } = await this.#digest(variant, reference, `${field}.reference`);
    const image = `${repositoryOf(parseReference(reference))}@${digest}`;
    const trust = await this.#o.trust.require({
      what: `${field}.reference ${reference}`,
      image,
      recorded: recordIn(this.#before(variant)?.trust),
    });
    return {
      source: image,
      inputs: this.#inputs(variant, { digest, path, ignore: ignore ?? [] }),
      content: { kind: 'Image', image },
      trust,
      looked,
      ...(lookupFailed ? { lookupFailed } : {}),
    };
  }

  #before(variant: SystemAddonSpecVariant): SystemAddonStatusVariant | undefined {
    const key = variantKey(variant);
    return this.#addon.status?.variants?.find(of => variantKey(of) === key);
  }

  async #digest(
    variant: SystemAddonSpecVariant,
    reference: string,
    field: string,
  ): Promise<{ digest: string; looked: boolean; lookupFailed?: Error }> {
    const named = parseReference(reference).digest;
    if (named !== undefined) return { digest: named, looked: true };
    const { followed, auth, force, settled } = this.#o;
    const before = settled ? this.#before(variant)?.source : undefined;
    const known = before === undefined || !before.includes('@') ? undefined : parseReference(before).digest;
    const sight = await followed.look(reference, {
      auth: await auth(),
      force,
      known,
      intervalMs: intervalOf(this.#addon),
    });
    this.#againMs = Math.min(sight.againMs, this.#againMs ?? Infinity);
    const { digest, looked, againMs } = sight;
    const error = sight.error && lookupError({ field, image: reference, error: sight.error, againMs });
    if (digest === undefined) throw error ?? new Error(`${reference} has no digest`);
    return { digest, looked, ...(error ? { lookupFailed: error } : {}) };
  }

  /** One variant after the other, each only to be told from others. */
  #placed(variant: SystemAddonSpecVariant, field: string): Promise<ResolvedSource> {
    const placed = this.#lastPlaced.then(() => this.#place(variant, field));
    this.#lastPlaced = placed.then(
      () => undefined,
      () => undefined,
    );
    return placed;
  }

  async #place(variant: SystemAddonSpecVariant, field: string): Promise<ResolvedSource> {
    const { open } = this.#o;
    const reads = readsTree(variant);
    const revision = reads ? await (this.#revision ??= addonRevision(this.#o.client, this.#addon)) : undefined;
    const read = async (): Promise<readonly Placement[]> => {
      const placements = await placeSource(this.#addon, variant, { open, revision, field });
      requireSize(placements, field);
      return placements;
    };
    const digest = placementsDigest(await read());
    return {
      source: revision ?? digest,
      inputs: this.#inputs(variant, { digest }),
      content: { kind: 'Placed', read },
      looked: true,
    };
  }

  /**
   * What makes the image is left out: a new version of this program makes nothing again by itself, as each node would have to take it. Where it is pushed to is in it.
   */
  #inputs({ platform, os }: SystemAddonSpecVariant, source: Readonly<Record<string, Json>>): string {
    const { metadata, spec } = this.#addon;
    const { id, versionId, sysextLevel } = os;
    const { addons = [], systemd, kernelModules = [], paths = [] } = spec.requires ?? {};
    return sha256(
      canonicalJson({
        name: metadata.name,
        repository: spec.output.repository,
        platform,
        os: { id, versionId, sysextLevel },
        services: spec.services ?? [],
        requires: { addons, systemd, kernelModules, paths },
        allowSetuid: spec.allowSetuid,
        source,
      }),
    );
  }
}

function lookupError(o: { field: string; image: string; error: Error; againMs: number }): Error {
  const { field, image, error, againMs } = o;
  const options = { cause: error, retryAfterMs: againMs };
  if (error instanceof NotFoundError) {
    const reason: AddonReason = 'ImageNotFound';
    return new TransientError(reason, `${field}: ${image} is not in its registry; correct the name, or push the image`, options);
  }
  return error instanceof TransientError ? new TransientError(error.reason, `${field}: ${error.message}`, options) : error;
}
