/** What `npm run cluster` starts with: a repository that defines one system and the pool that runs it, as in the README, and its source. */
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage } from './base-image.ts';
import type { Environment } from './environment.ts';
import type { GitRepository } from './git-repository.ts';

/** Label of the nodes that the pool selects. */
export const poolLabel = { pool: 'edge' } as const;

const document = (baseImage: string, repository: string) => `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata:
  name: edge
spec:
  base:
    image: ${baseImage}
  files:
    - path: /etc/motd
      from: motd # next to this document in Git
  units:
    - name: hello.service
      enabled: true
      contents: |
        [Service]
        ExecStart=/usr/bin/logger hello
  kernelArguments: [console=ttyS0]
  output:
    repository: ${repository}
---
apiVersion: scantling.dev/v1alpha1
kind: SystemPool
metadata:
  name: edge
spec:
  nodeSelector:
    matchLabels: { pool: ${poolLabel.pool} }
  system:
    definitionRef: { name: edge }
  rollout:
    maxUnavailable: 1
`;

/** Tag, and VERSION_ID, of the base's next release, for an update of the system. */
const nextRelease = '2';

/** Makes the repository `systems` with its first commit, and the SystemSource that follows its directory edge. `examples` are files beside that. */
export async function createEdge(
  { git, base, registry, admin }: Environment,
  examples: Readonly<Record<string, string>>,
): Promise<GitRepository> {
  await pushBaseImage({ registry: registry.host, tag: nextRelease });
  const repository = await git.createRepository('systems');
  const files = {
    'edge/system.yaml': document(base.image, `${registry.host}/systems/edge`),
    'edge/motd': 'Welcome to the edge.\n',
    ...examples,
  };
  await repository.commit(files, 'Define the edge', { date: Math.floor(Date.now() / 1_000) });
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'systems' },
    spec: { url: repository.url, allowInsecure: true, path: 'edge', interval: '2s' },
  };
  await admin.apply(systemsources, source, { fieldManager: 'kubectl' });
  return repository;
}
