/** Tasks for the builder of foundations, with contexts that are in the registry. */
import { foundationDigest, pushContext } from '../../controller/build/context.ts';
import type { Context, FoundationInputs } from '../../controller/build/context.ts';
import type { FoundationAccess, FoundationTask } from '../../controller/build/foundation-task.ts';
import { machineArchitecture } from '../../controller/build/platform-name.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Registry } from '../../controller/registry/registry.ts';

export const platform = `linux/${machineArchitecture}`;

export interface Steps {
  /** What follows FROM; whole when it has an ARG of its own at its head. */
  containerfile: string;
  /** Files of the build context. */
  files?: Record<string, string>;
  args?: Record<string, string>;
  secrets?: string[];
}

/** A context with these steps and no finish layers. */
export function contextWith({ containerfile, files, args = {}, secrets = [] }: Steps): Context {
  const text = new TextEncoder();
  const buildContext =
    files && writeTar(Object.entries(files).map(([path, content]) => ({ path, mode: 0o644, bytes: text.encode(content) })));
  const whole = containerfile.startsWith('ARG ')
    ? containerfile
    : `ARG SCANTLING_BASE\nFROM \${SCANTLING_BASE} AS base\n${containerfile}`;
  const inputs: FoundationInputs = {
    containerfile: whole,
    args,
    secrets,
    ...(buildContext ? { context: { digest: sha256(buildContext), size: buildContext.length } } : {}),
  };
  const foundation = { ...inputs, digest: foundationDigest(inputs) };
  return {
    plan: { version: 2, definition: 'steps', foundation, layers: [], labels: {} },
    layers: [],
    ...(buildContext ? { buildContext } : {}),
  };
}

/** Pushes the context and says what is to be done with it. */
export async function taskFor(
  registry: Registry,
  of: { base: string; repository: string; steps: Steps; auth?: DockerConfig },
  change: Partial<FoundationTask> = {},
): Promise<FoundationTask> {
  const { base, repository, steps, auth } = of;
  const digest = await pushContext(registry, repository, contextWith(steps), auth);
  return {
    context: `${repository}@${digest}`,
    base,
    platform,
    repository,
    tag: 'foundation-test',
    key: 'k'.repeat(64),
    lint: 'Warn',
    timeoutMs: 60_000,
    ...change,
  };
}

/** No credentials, no secrets, never aborted. */
export function plainAccess(change: Partial<FoundationAccess> = {}): FoundationAccess {
  return {
    credentials: () => Promise.resolve(undefined),
    secrets: () => Promise.resolve(new Map()),
    signal: new AbortController().signal,
    ...change,
  };
}
