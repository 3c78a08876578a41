/** A build without a cluster: what it has to be told, and no Secrets, ConfigMaps or Jobs. */
import { join } from 'node:path';
import type { ImageBuildSpec } from '../../controller/api/image-build.ts';
import { BuildInputs } from '../../controller/build/build-inputs.ts';
import { BuildJobs } from '../../controller/build/build-jobs.ts';
import { BuildRun } from '../../controller/build/build-run.ts';
import { FoundationWaits } from '../../controller/build/foundation-waits.ts';
import type { FoundationBuilder } from '../../controller/build/foundation-task.ts';
import type { BuiltImage } from '../../controller/build/publish.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createAuthority } from '../cluster/certificates.ts';
import { writeKubeconfig } from '../cluster/kubeconfig.ts';
import { SigningKeys } from '../../controller/build/signing-keys.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { openTrustDoor } from './trust-door.ts';

/** For builds that have no steps to run. */
export const noBuilder: FoundationBuilder = {
  architecture: 'amd64',
  build: () => Promise.reject(new Error('nothing was to be run')),
};

/** Runs the build once, with its steps beside this process; throws what it failed with. */
export async function runOnce(
  registry: Registry,
  { name, spec, process = noBuilder }: { name: string; spec: ImageBuildSpec; process?: FoundationBuilder },
): Promise<BuiltImage> {
  const directory = temporaryDirectory('build');
  const kubeconfig = join(directory, 'kubeconfig');
  // Nobody listens there.
  writeKubeconfig(kubeconfig, {
    url: 'https://127.0.0.1:1',
    certificateAuthority: createAuthority('none').certificate,
    token: 'x',
  });
  const transport = new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: 'test' });
  const client = createClient(transport);
  const door = openTrustDoor(registry);
  const run = new BuildRun({
    registry,
    inputs: new BuildInputs(client, 'none'),
    ...door,
    origins: { of: async () => undefined },
    keys: new SigningKeys(client, 'none'),
    baseTrust: () => undefined,
    jobs: new BuildJobs(client, () => {
      throw new Error('no Job was to be made');
    }),
    process,
    builders: ['Process'],
    hasImage: false,
    architectures: () => [],
    known: () => [],
    atWork: () => false,
    waits: new FoundationWaits(() => undefined),
    say: () => undefined,
    now: Date.now,
  });
  try {
    const build = { apiVersion: 'scantling.dev/v1alpha1', kind: 'ImageBuild', metadata: { name, uid: 'x' }, spec } as const;
    const result = await run.advance(build, [], { signal: new AbortController().signal, onStep: () => undefined });
    if (result.kind === 'Succeeded') return result.image;
    throw result.kind === 'Thrown' ? result.error : new Error(result.kind);
  } finally {
    await door.stop();
    await transport.close();
    removeDirectory(directory);
  }
}
