/** Which platforms images are offered for. What a digest names never changes, so the answer for one is kept. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Descriptor, Platform } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { lintWorkloadPlatforms } from './workload-lint.ts';
import { workloadImages } from './workloads.ts';

/** Enough for the images of as many definitions; a forgotten answer is asked for again. */
const remembered = 2_000;

export class ImagePlatforms {
  readonly #registry: Registry;
  /** By `host/repository@digest`; the least recently asked for first. */
  readonly #answers = new Map<string, Promise<readonly string[]>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * The platforms of an image, as `linux/arm64/v8`: those of its index, or that of its config.
   * @throws what the registry throws; that is not kept.
   */
  of(image: string, auth: DockerConfig | undefined): Promise<readonly string[]> {
    const answer = this.#answers.get(image) ?? this.#ask(image, auth);
    this.#answers.delete(image);
    this.#answers.set(image, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > remembered && !oldest.done) this.#answers.delete(oldest.value);
    answer.catch(() => this.#answers.delete(image));
    return answer;
  }

  async #ask(image: string, auth: DockerConfig | undefined): Promise<readonly string[]> {
    const { json } = await this.#registry.manifest(image, auth);
    const { manifests, config } = json as { manifests?: Descriptor[]; config?: Descriptor };
    if (Array.isArray(manifests)) return manifests.flatMap(({ platform }) => nameOf(platform));
    if (!config) return [];
    const bytes = await this.#registry.blob(repositoryOf(parseReference(image)), config.digest, auth);
    return nameOf(JSON.parse(new TextDecoder().decode(bytes)) as Platform);
  }
}

/** Attestations are in an index under the platform unknown/unknown. */
function nameOf(platform: Platform | undefined): string[] {
  if (!platform?.os || !platform.architecture || platform.os === 'unknown') return [];
  return [[platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/')];
}

/**
 * Warnings of workload images that nodes of some platform could not pull. What cannot be looked up is a warning as well: it keeps nobody
 * from building.
 */
export async function warnOfPlatforms(
  platforms: ImagePlatforms,
  spec: SystemDefinitionSpec,
  images: { base: { image: string; digest: string }; workloads: ReadonlyMap<string, string> },
  auth: DockerConfig | undefined,
): Promise<string[]> {
  const names = workloadImages(spec);
  if (names.length === 0) return [];
  const warnings: string[] = [];
  const look = async (image: string, digest: string | undefined): Promise<readonly string[] | undefined> => {
    if (digest === undefined) return undefined;
    try {
      return await platforms.of(`${repositoryOf(parseReference(image))}@${digest}`, auth);
    } catch (error) {
      // A config that is no JSON is a SyntaxError.
      const known = [NotFoundError, TransientError, StallingError, SyntaxError].some(type => error instanceof type);
      if (!known || !(error instanceof Error)) throw error;
      warnings.push(`spec.workloads: the platforms of ${image} are not known: ${error.message}`);
      return undefined;
    }
  };
  const wanted = spec.platforms ?? (await look(images.base.image, images.base.digest)) ?? [];
  const offered = new Map<string, readonly string[]>();
  for (const image of names) {
    const own = await look(image, parseReference(image).digest ?? images.workloads.get(image));
    if (own) offered.set(image, own);
  }
  return [...warnings, ...lintWorkloadPlatforms(wanted, offered)];
}
