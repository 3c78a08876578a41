/** A build whose Job runs for as long as a test wants it to: its step waits for a package that is held back. */
import { parse } from 'yaml';
import { jobs, pods } from '../../controller/api/core.ts';
import { imagebuilds, type ImageBuild } from '../../controller/api/image-build.ts';
import { buildLabel, defaultNamespace } from '../../controller/api/names.ts';
import { systemdefinitions, type SystemDefinition } from '../../controller/api/system-definition.ts';
import type { Apply } from '../../controller/kube/client.ts';
import type { Installation } from '../cluster/installation.ts';
import { setTools, type Tools } from '../demo/build-steps.ts';
import { toolsDefinition } from '../demo/repository.ts';
import { until } from '../kube/until.ts';

const limitMs = 180_000;

export class BuildUnderWay {
  readonly #installation: Installation;
  readonly #tools: Tools;
  readonly #name: string;
  #asked = 0;

  private constructor(installation: Installation, tools: Tools, name: string) {
    this.#installation = installation;
    this.#tools = tools;
    this.#name = name;
  }

  /** Defines a system with a package of the definition's name; resolves when the package is asked for, from the pod of a Job. */
  static async start(installation: Installation, name: string): Promise<BuildUnderWay> {
    const tools = await setTools(installation, { node: installation.realNode.name });
    const { repository, options } = tools;
    await repository.publish({ name, version: '1.0', files: { [`usr/bin/${name}`]: '#!/bin/sh\n' } });
    repository.hold(`${name}_`);
    const build = new BuildUnderWay(installation, tools, name);
    const output = `${installation.registry.host}/systems/${name}`;
    const text = toolsDefinition({ ...options, output, packages: [name] });
    const definition = { ...(parse(text) as Apply<SystemDefinition>), metadata: { name } };
    await installation.admin.apply(systemdefinitions, definition, { fieldManager: 'kubectl' });
    await build.#isAsked();
    return build;
  }

  /** Names of the Jobs and pods of builds that are there, with their kinds. */
  async hands(): Promise<string[]> {
    const { admin } = this.#installation;
    const ofBuilds = { namespace: defaultNamespace, labelSelector: buildLabel };
    const [seenJobs, seenPods] = await Promise.all([admin.list(jobs, ofBuilds), admin.list(pods, ofBuilds)]);
    return [...seenJobs.items.map(j => `Job ${j.metadata.name}`), ...seenPods.items.map(p => `Pod ${p.metadata.name}`)];
  }

  /** Resolves when it runs once more: the package is asked for anew. */
  async runsAgain(): Promise<void> {
    await this.#isAsked();
  }

  /** Lets the package through; resolves with the build when its image is there. */
  async finish(): Promise<ImageBuild> {
    const { admin, controller } = this.#installation;
    this.#tools.repository.release();
    let build: ImageBuild | undefined;
    try {
      await until(
        `the image of ${this.#name}`,
        async () => {
          const { status } = await admin.get(systemdefinitions, this.#name);
          build = status?.latestBuild === undefined ? undefined : await admin.get(imagebuilds, status.latestBuild);
          return status?.image !== undefined && build?.status?.phase === 'Succeeded';
        },
        limitMs,
      );
    } catch (error) {
      throw new Error(`the build is ${JSON.stringify(build?.status)}\n${controller.tail(25)}`, { cause: error });
    }
    if (!build) throw new Error(`${this.#name} has no build`);
    return build;
  }

  async stop(): Promise<void> {
    this.#tools.repository.release();
    await this.#tools.repository.stop();
  }

  /** The step asks once more for the package than it had when this was last called. */
  async #isAsked(): Promise<void> {
    const { requests } = this.#tools.repository;
    const count = () => requests.filter(path => path.startsWith(`${this.#name}_`)).length;
    await until(`${this.#name} is asked for`, () => count() > this.#asked, limitMs);
    this.#asked = count();
  }
}
