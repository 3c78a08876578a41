/** What becomes of builds that have succeeded: they are looked after, signed as their definition wants it now, and judged as policies change. */
import { imagebuilds } from '../api/image-build.ts';
import type { ImageBuild, ImageBuildStatus } from '../api/image-build.ts';
import { fieldManagers } from '../api/names.ts';
import type { SystemDefinitionSpecSigning } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { Announcements } from './announcements.ts';
import type { BuildRun } from './build-run.ts';
import { statusAfter } from './status.ts';
import type { BuildEvent } from './status.ts';

export interface SucceededBuildsOptions {
  client: Client;
  registry: Registry;
  run: BuildRun;
  said: Announcements;
  write: (build: ImageBuild, status: ImageBuildStatus) => Promise<ImageBuild>;
  /** Epoch milliseconds. */
  now: () => number;
}

export class SucceededBuilds {
  readonly #o: SucceededBuildsOptions;

  constructor(options: SucceededBuildsOptions) {
    this.#o = options;
  }

  /** All of a definition's builds that are kept are signed as it says now: any of them may be what nodes run, or go back to. */
  async align(build: ImageBuild, wanted: SystemDefinitionSpecSigning | undefined): Promise<void> {
    const body = { spec: { signing: wanted ? { previousKeySecretRef: null, ...wanted } : null } };
    await this.#o.client.mergePatch(imagebuilds, build.metadata.name, body, { fieldManager: fieldManagers.build });
  }

  /** Signs and judges what was built before, without a build. */
  async seal(build: ImageBuild, signal: AbortSignal): Promise<void> {
    const { run, said, write, now } = this.#o;
    let event: BuildEvent;
    try {
      event = { kind: 'Sealed', findings: await run.seal(build, signal) };
    } catch (error) {
      if (signal.aborted) return;
      event = { kind: 'Unsealed', error };
    }
    const verdict = statusAfter(build, event, new Date(now()));
    said.tell(build, await write(build, verdict.status), event, verdict);
    if (verdict.rethrow !== undefined) throw verdict.rethrow;
  }

  /** Only what the registry says definitely counts as gone; its trouble is thrown. */
  async imageIsThere(build: ImageBuild): Promise<boolean> {
    const { image } = build.status ?? {};
    const { repository } = build.spec.output;
    const auth = await this.#o.run.credentials(build.spec);
    const digests = [image?.digest, ...(image?.platforms ?? []).map(p => p.digest)].filter(digest => digest !== undefined);
    try {
      await Promise.all(digests.map(digest => this.#o.registry.resolve(`${repository}@${digest}`, auth)));
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }
}
