import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import { baseInfo } from './base.ts';
import type { Base, BaseLayer, BasePlatform } from './base.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Plan } from './context.ts';
import { builderVersion } from './name.ts';
import type { FoundationBuilder } from './process.ts';

export interface FoundationRequest {
  base: Base;
  foundation: NonNullable<Plan['foundation']>;
  /** Output repository. */
  repository: string;
  auth: DockerConfig | undefined;
  timeoutMs: number;
  signal: AbortSignal;
}

/** `foundation-<hash of base, steps, platform and rules>`: an equal foundation has an equal tag and is found instead of built. */
export function foundationTag(base: Pick<BasePlatform, 'digest' | 'platform'>, foundation: { digest: string }): string {
  const inputs = { base: base.digest, foundation: foundation.digest, platform: base.platform, builderVersion };
  return `foundation-${sha256(canonicalJson(inputs)).slice('sha256:'.length)}`;
}

/** Finds or builds foundations; an equal one that is asked for twice at a time is built once. */
export class Foundations {
  readonly #registry: Registry;
  readonly #builder: FoundationBuilder;
  readonly #building = new Map<string, Promise<unknown>>();

  constructor(registry: Registry, builder: FoundationBuilder) {
    this.#registry = registry;
    this.#builder = builder;
  }

  /**
   * The foundation as a base for the finish layers. It has the platform of this machine only.
   * @throws StallingError `PlatformUnsupported`; what FoundationBuilder.build, Registry.resolve and baseInfo throw.
   */
  async get(request: FoundationRequest): Promise<Base> {
    const platform = this.#platform(request.base);
    const tag = foundationTag(platform, request.foundation);
    const key = `${request.repository}:${tag}`;
    for (let other = this.#building.get(key); other; other = this.#building.get(key)) await other;
    const work = this.#findOrBuild(request, platform, tag);
    // Whoever waits looks for itself; a failure here is not theirs.
    const settled = work.catch(() => undefined).finally(() => this.#building.delete(key));
    this.#building.set(key, settled);
    const digest = await work;
    const built = await baseInfo(this.#registry, `${request.repository}@${digest}`, request.auth);
    return { ...built, platforms: built.platforms.map(p => withOriginalLayers(p, platform)) };
  }

  #platform(base: Base): BasePlatform {
    const { architecture } = this.#builder;
    const found = base.platforms.find(p => p.os === 'linux' && p.architecture === architecture);
    if (found) return found;
    const has = base.platforms.map(p => p.platform).join(', ');
    throw new StallingError(
      'PlatformUnsupported',
      `the definition has steps to run, which is done for linux/${architecture} here; base image ${base.repository}@${base.digest} has ${has}`,
    );
  }

  async #findOrBuild(request: FoundationRequest, platform: BasePlatform, tag: string): Promise<string> {
    const { base, foundation, repository, auth, timeoutMs, signal } = request;
    try {
      return (await this.#registry.resolve(`${repository}:${tag}`, auth)).digest;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    return this.#builder.build({
      base: `${base.repository}@${platform.digest}`,
      containerfile: foundation.containerfile,
      repository,
      tag,
      auth,
      timeoutMs,
      signal,
    });
  }
}

/**
 * buildah may compress the base's layers anew on its push. Where the foundation starts with the base's very content (equal diff ids), the image
 * names the base's own blobs, so that nodes that have them do not pull them again.
 */
export function withOriginalLayers(foundation: BasePlatform, base: BasePlatform): BasePlatform {
  const [ours, theirs] = [diffIds(foundation), diffIds(base)];
  const prefix = theirs.length === base.layers.length && theirs.every((id, i) => id === ours[i]);
  if (!prefix || ours.length !== foundation.layers.length) return foundation;
  const layers: BaseLayer[] = [...base.layers, ...foundation.layers.slice(base.layers.length)];
  return { ...foundation, layers };
}

function diffIds(platform: BasePlatform): unknown[] {
  const { rootfs } = platform.config as { rootfs?: { diff_ids?: unknown[] } };
  return rootfs?.diff_ids ?? [];
}
