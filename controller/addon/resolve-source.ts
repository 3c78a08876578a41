/** What each variant is made of now: a digest in place of a tag, and files as they are at a revision. Nothing of an image is read before it is trusted. */
import { type Json, canonicalJson } from '../api/canonical-json.ts';
import { parseDuration } from '../api/duration.ts';
import { TransientError } from '../api/errors.ts';
import type {
  SystemAddon,
  SystemAddonSpecVariant,
  SystemAddonSpecVariantSourceImage,
  SystemAddonSpecVariantSourcePackages,
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
import { leftOutOverBase } from './left-out.ts';
import type { Installed } from './packages-definition.ts';
import { addonRevision, placeSource, placementsDigest, readsTree, requireSize } from './placed-source.ts';
import type { AddonReason } from './reasons.ts';
import { variantKey } from './variant-key.ts';

/** Files are read once more when something is made of them: what all variants of all addons place is too much to be held until then. */
export type SourceContent =
  | {
      kind: 'Image';
      /** `repository@digest`, as `over`: only the layers above that are the content then. */
      image: string;
      over?: string;
      path?: string;
      ignore: readonly string[];
      /** What is placed over it. */
      read?: () => Promise<readonly Placement[]>;
    }
  | { kind: 'Placed'; read: () => Promise<readonly Placement[]> };

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
  /** The packages of a variant as an image, and what they are installed over. */
  installed: (variant: SystemAddonSpecVariant, packages: SystemAddonSpecVariantSourcePackages) => Promise<Installed>;
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

/** Files, trees and units of a variant. */
interface PlacedFiles {
  /** Undefined where none comes from a repository. */
  revision: string | undefined;
  digest: string;
  read: () => Promise<readonly Placement[]>;
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
    const { image, packages } = variant.source;
    if (image) return this.#image(variant, image, `${field}.image`);
    if (packages) return this.#packages(variant, packages, field);
    const { revision, digest, read } = await this.#placed(variant, field);
    const inputs = this.#inputs(variant, { digest });
    return { source: revision ?? digest, inputs, content: { kind: 'Placed', read }, looked: true };
  }

  async #image(
    variant: SystemAddonSpecVariant,
    { reference, path, over, ignore = [] }: SystemAddonSpecVariantSourceImage,
    field: string,
  ): Promise<ResolvedSource> {
    const known = this.#o.settled ? this.#before(variant)?.source : undefined;
    const named = await this.#named(reference, `${field}.reference`, known);
    const base = over === undefined ? undefined : await this.#named(over, `${field}.over`, undefined);
    const { image, digest } = named;
    const trust = await this.#o.trust.require({
      what: `${field}.reference ${reference}`,
      image,
      recorded: recordIn(this.#before(variant)?.trust),
    });
    // What is left out because of it decides what is in the addon.
    if (base) await this.#o.trust.require({ what: `${field}.over ${over}`, image: base.image });
    const lookupFailed = named.lookupFailed ?? base?.lookupFailed;
    return {
      source: image,
      inputs: this.#inputs(variant, { digest, path, ignore, ...(base ? { over: base.digest } : {}) }),
      content: {
        kind: 'Image',
        image,
        path,
        ...(base ? { over: base.image, ignore: [...leftOutOverBase, ...ignore] } : { ignore }),
      },
      trust,
      looked: named.looked && (base?.looked ?? true),
      ...(lookupFailed ? { lookupFailed } : {}),
    };
  }

  async #packages(
    variant: SystemAddonSpecVariant,
    packages: SystemAddonSpecVariantSourcePackages,
    field: string,
  ): Promise<ResolvedSource> {
    const { image, base } = await this.#o.installed(variant, packages);
    const trust = await this.#o.trust.require({
      what: `${field}.packages`,
      image,
      recorded: recordIn(this.#before(variant)?.trust),
    });
    const { files, trees, units } = variant.source;
    const placed = (files ?? trees ?? units) ? await this.#placed(variant, field) : undefined;
    const { ignore = [] } = packages;
    const digests = { packages: parseReference(image).digest, over: parseReference(base).digest, placed: placed?.digest };
    return {
      source: image,
      inputs: this.#inputs(variant, { ...digests, ignore }),
      content: {
        kind: 'Image',
        image,
        over: base,
        ignore: [...leftOutOverBase, ...ignore],
        ...(placed ? { read: placed.read } : {}),
      },
      trust,
      looked: true,
    };
  }

  #before(variant: SystemAddonSpecVariant): SystemAddonStatusVariant | undefined {
    const key = variantKey(variant);
    return this.#addon.status?.variants?.find(of => variantKey(of) === key);
  }

  /** @param before what it named last, as the status says */
  async #named(
    reference: string,
    field: string,
    before: string | undefined,
  ): Promise<{ image: string; digest: string; looked: boolean; lookupFailed?: Error }> {
    const repository = repositoryOf(parseReference(reference));
    const named = parseReference(reference).digest;
    if (named !== undefined) return { image: `${repository}@${named}`, digest: named, looked: true };
    const { followed, auth, force } = this.#o;
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
    return { image: `${repository}@${digest}`, digest, looked, ...(error ? { lookupFailed: error } : {}) };
  }

  /** One variant after the other, each only to be told from others. */
  #placed(variant: SystemAddonSpecVariant, field: string): Promise<PlacedFiles> {
    const placed = this.#lastPlaced.then(() => this.#place(variant, field));
    this.#lastPlaced = placed.then(
      () => undefined,
      () => undefined,
    );
    return placed;
  }

  async #place(variant: SystemAddonSpecVariant, field: string): Promise<PlacedFiles> {
    const { open } = this.#o;
    const reads = readsTree(variant);
    const revision = reads ? await (this.#revision ??= addonRevision(this.#o.client, this.#addon)) : undefined;
    const read = async (): Promise<readonly Placement[]> => {
      const placements = await placeSource(this.#addon, variant, { open, revision, field });
      requireSize(placements, field);
      return placements;
    };
    return { revision, digest: placementsDigest(await read()), read };
  }

  /**
   * What makes the image is left out: a new version of this program makes nothing again by itself, as each node would have to take it. Where it is pushed to is in it.
   */
  #inputs({ platform, os }: SystemAddonSpecVariant, source: Readonly<Record<string, Json | undefined>>): string {
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
