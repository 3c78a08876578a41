/**
 * What comes after the push: the image is signed, it is said of it how it was made and what is in it, and it is judged as any image is. Each part may be
 * repeated: what is there is found. Keys never leave the controller, wherever the steps of the image ran.
 */
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import type { ImageVerifier } from '../trust/image-verifier.ts';
import { isAllowed, recordIn, recordOf } from '../trust/judgement.ts';
import type { StatusJudgement } from '../trust/judgement.ts';
import type { InstalledPackages } from '../trust/package-database.ts';
import { provenanceOf } from '../trust/provenance.ts';
import { pushSignatures } from '../trust/push-signature.ts';
import type { Signatures, SigningTarget } from '../trust/push-signature.ts';
import { readBack } from '../trust/read-back.ts';
import { sbomOf } from '../trust/sbom.ts';
import type { Said } from '../trust/sign-image.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import type { Trust } from '../trust/trust.ts';
import { version } from '../version.ts';
import type { Base } from './base.ts';
import type { BuildTimes } from './build-trace.ts';
import type { Plan } from './context.ts';
import { foundationTagOf } from './foundation-key.ts';
import { ImageContents } from './image-contents.ts';
import { builderVersion, imageTag } from './name.ts';
import type { KnownOrigin, KnownOrigins } from './known-origin.ts';
import type { BuiltImage } from './publish.ts';
import type { BuildReason } from './reasons.ts';
import { stageImages } from './stage-images.ts';
import type { Findings } from './status.ts';

export interface SealServices {
  registry: Registry;
  origins: Pick<KnownOrigins, 'of'>;
  /** Reads back what was signed. */
  verifier: Pick<ImageVerifier, 'verify'>;
  trust: Pick<Trust, 'judgeImage'>;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface Pushed {
  build: ImageBuild;
  image: Pick<BuiltImage, 'reference' | 'digest' | 'platforms'>;
  plan: Plan;
  foundations: NonNullable<Findings['foundations']>;
  /** Where the image is known to come from. */
  origin: KnownOrigin | undefined;
  auth: DockerConfig | undefined;
  signal: AbortSignal;
}

export interface Signed {
  findings: Required<Pick<Findings, 'signatures' | 'attestations'>>;
  /** What of the image could not be listed, in words. */
  warnings: string[];
  times: BuildTimes;
}

/** maxItems of status.signatures and status.attestations; those of the index come first. */
const mostListed = 64;

export class Seal {
  readonly #o: SealServices;
  readonly #contents: ImageContents;

  constructor(services: SealServices) {
    this.#o = services;
    this.#contents = new ImageContents(services.registry);
  }

  /** Begins to read what is installed in a base while the image is still being pushed. What comes of it is found, or looked for again, by `sign`. */
  prepare({ spec }: ImageBuild, onto: Base, auth: DockerConfig | undefined): void {
    if (!spec.signing || spec.signing.sbom === 'None') return;
    for (const { layers } of onto.platforms) this.#contents.packages(layers, auth).catch(() => undefined);
  }

  /**
   * Signs index, platforms and the foundations that the build made, and reads everything back.
   * @throws TransientError `SigningFailed`
   */
  async sign(pushed: Pushed, keys: readonly SigningKey[]): Promise<Signed> {
    const { signal, auth } = pushed;
    const { now, registry, verifier } = this.#o;
    const began = now();
    try {
      const { targets, warnings } = await this.#targets(pushed);
      signal.throwIfAborted();
      const attested = now();
      const results = await Promise.all(
        targets.map(target => pushSignatures(registry, target, keys, auth, () => readBack(verifier, target, keys, auth))),
      );
      const times = { attest: { start: began, end: attested }, sign: { start: attested, end: now() } };
      return { findings: listed(results), warnings, times };
    } catch (error) {
      if (signal.aborted || error instanceof StallingError) throw error;
      const { retryAfterMs } = error instanceof TransientError ? error : {};
      const message = `the image is pushed, and could not be signed: ${messageOf(error)}`;
      const again = retryAfterMs === undefined ? {} : { retryAfterMs };
      throw new TransientError('SigningFailed' satisfies BuildReason, message, { cause: error, ...again });
    }
  }

  /** Whether the image may be used, by the policies as they are now. */
  async judge({ build, image, origin, auth }: Pick<Pushed, 'build' | 'image' | 'origin' | 'auth'>): Promise<StatusJudgement> {
    const commit = origin?.commit;
    const before = recordIn(build.status?.trust);
    // What was refused may be signed since, and most likely was just now.
    const recorded = before && isAllowed(before) ? before : undefined;
    const judgement = await this.#o.trust.judgeImage({
      image: image.reference,
      ...(auth === undefined ? {} : { auth }),
      ...(commit === undefined ? {} : { commit }),
      ...(recorded === undefined ? {} : { recorded }),
    });
    return recordOf(judgement);
  }

  async #targets(pushed: Pushed): Promise<{ targets: SigningTarget[]; warnings: string[] }> {
    const { build, image, foundations } = pushed;
    const { repository } = build.spec.output;
    const { said, warnings } = await this.#statements(pushed);
    const reference = `${repository}:${imageTag(build.metadata.name)}`;
    const digests = [image.digest, ...image.platforms.map(({ digest }) => digest)];
    const images = [...new Set(digests)].map(digest => ({ repository, digest, reference, said: said.get(digest) ?? [] }));
    // So that another build, or another cluster, that finds them by their tags can tell whose they are.
    const made = foundations.filter(({ built, reference }) => built === true && reference.startsWith(`${repository}@`));
    const below = made.map(({ key, reference }) => ({
      repository,
      digest: reference.slice(reference.indexOf('@') + 1),
      reference: `${repository}:${foundationTagOf(key)}`,
      said: [],
    }));
    return { targets: [...images, ...below], warnings };
  }

  /** What is said of each digest. */
  async #statements(pushed: Pushed): Promise<{ said: Map<string, Said[]>; warnings: string[] }> {
    const { build, image, plan, auth } = pushed;
    const { repository } = build.spec.output;
    const { provenance = true, sbom = 'SPDX' } = build.spec.signing ?? {};
    const { files, workloads } = await this.#contents.finish(plan, repository, auth);
    const said = new Map<string, Said[]>();
    const add = (digest: string, statement: Said): void => void said.set(digest, [...(said.get(digest) ?? []), statement]);
    const digests = [...new Set([image.digest, ...image.platforms.map(({ digest }) => digest)])];
    if (provenance) {
      const statement = provenanceOf({
        ...originOf(pushed),
        workloads,
        version,
      });
      for (const digest of digests) add(digest, statement);
    }
    if (sbom === 'None') return { said, warnings: [] };
    const installed = await Promise.all(
      image.platforms.map(async ({ digest }): Promise<[string, InstalledPackages]> => [
        digest,
        await this.#installed(pushed, digest),
      ]),
    );
    const whole = together(installed.map(([, found]) => found));
    const contents = { repository, files, workloads, version };
    for (const [digest, found] of new Map([...installed, [image.digest, whole] as const]))
      add(digest, sbomOf(sbom, { ...contents, digest, ...found }));
    return { said, warnings: whole.notes.map(note => `software bill of materials: ${note}`) };
  }

  /** Of the base or the foundation: the finish places files and installs nothing. */
  async #installed({ build, plan, auth }: Pushed, digest: string): Promise<InstalledPackages> {
    const { repository } = build.spec.output;
    const { json } = await this.#o.registry.manifest(`${repository}@${digest}`, auth);
    const { layers } = json as { layers: Descriptor[] };
    const below = layers.slice(0, layers.length - plan.layers.length);
    return this.#contents.packages(
      below.map(layer => ({ ...layer, repository })),
      auth,
    );
  }
}

function originOf({
  build,
  image,
  plan,
  foundations,
  origin,
}: Pushed): Omit<Parameters<typeof provenanceOf>[0], 'workloads' | 'version'> {
  const { spec, metadata } = build;
  return {
    definition: spec.definitionRef.name,
    build: metadata.name,
    ...(origin ? { repository: origin.repository, revision: origin.revision } : {}),
    ...(spec.revision === undefined || origin ? {} : { declared: spec.revision }),
    context: spec.context,
    base: spec.base,
    stages: stageImages(plan.foundation?.containerfile ?? ''),
    foundations: foundations.map(({ platform, reference }) => ({ platform, reference })),
    output: spec.output.repository,
    platforms: image.platforms.map(({ platform }) => platform),
    builderVersion,
  };
}

/** What is in all platforms of an image, each once. */
function together(all: readonly InstalledPackages[]): InstalledPackages {
  const packages = new Map(all.flatMap(({ packages }) => packages.map(each => [JSON.stringify(each), each])));
  const distribution = all.find(({ distribution }) => distribution)?.distribution;
  return {
    packages: [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each),
    ...(distribution ? { distribution } : {}),
    notes: [...new Set(all.flatMap(({ notes }) => notes))],
  };
}

function listed(results: readonly Signatures[]): Signed['findings'] {
  return {
    signatures: results.flatMap(({ signatures }) => signatures).slice(0, mostListed),
    attestations: results.flatMap(({ attestations }) => attestations).slice(0, mostListed),
  };
}
