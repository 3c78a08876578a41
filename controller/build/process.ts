/** The `process` builder: buildah beside the controller, as a child process with storage of its own. For single machines and development. */
import type { RegistriesConfiguration } from '../registry/configuration.ts';
import type { Registry } from '../registry/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { FoundationBuilder } from './foundation-task.ts';
import { buildFoundation } from './foundation-worker.ts';
import { machineArchitecture } from './platform-name.ts';
import { Workspaces } from './workspace.ts';

export interface ProcessBuilderOptions {
  registry: Registry;
  /** Directory for storage; several gigabytes for a real base. */
  directory: string;
  /** How registries are reached, as the registry client knows it too. */
  configuration?: () => RegistriesConfiguration | Promise<RegistriesConfiguration>;
  insecureHosts: ReadonlySet<string>;
  log: Log;
  /** Default `buildah`, looked for in PATH. */
  buildah?: string;
  /** The environment that PATH and the proxy settings are taken from. */
  env: Readonly<Record<string, string | undefined>>;
}

export function createProcessBuilder({ directory, log, ...place }: ProcessBuilderOptions): FoundationBuilder {
  const workspaces = new Workspaces({ directory, log, ...(place.buildah === undefined ? {} : { buildah: place.buildah }) });
  return {
    architecture: machineArchitecture,
    build: (task, access) => buildFoundation(task, { ...place, workspaces }, access),
  };
}
