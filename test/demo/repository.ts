/** What the demo's Git repository holds: one definition with a file beside it, an addon, and the pool that runs both. */

export interface RepositoryOptions {
  baseImage: string;
  /** Repository that the system is pushed to, with its registry. */
  output: string;
  maxUnavailable: number;
}

/** Paths in the repository. */
export const paths = {
  definition: 'systems/worker.yaml',
  pool: 'systems/workers.yaml',
  greeting: 'systems/files/motd',
  runtime: 'systems/runtime.yaml',
  tools: 'systems/tools.yaml',
  ownNode: 'systems/own-node.yaml',
} as const;

/** The message of the day of a version of the system: the one file that the second commit changes. */
export function greeting(version: number): string {
  return `Welcome aboard, this is version ${version} of the worker system.\n`;
}

/** All files of the first commit. */
export function firstFiles(o: RepositoryOptions): Record<string, string> {
  return {
    [paths.definition]: definition(o),
    [paths.pool]: pool(o),
    [paths.greeting]: greeting(1),
    [paths.runtime]: runtime(o, { version: '1.0', systems: ['1'] }),
    'README.md': '# Fleet\n',
  };
}

/** The addon of all nodes, for these versions of their system: what stands for a container runtime. */
export function runtime({ output }: RepositoryOptions, o: { version: string; systems: readonly string[] }): string {
  const variants = o.systems.map(
    system => `    - platform: _any
      os: { id: base, versionId: '${system}' }
      source:
        files:
          - path: /usr/bin/runtime
            mode: '0755'
            content: |
              #!/bin/sh
              echo runtime ${o.version}
`,
  );
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemAddon
metadata:
  name: runtime
spec:
  variants:
${variants.join('')}  output:
    repository: ${output.slice(0, output.indexOf('/'))}/addons/runtime
`;
}

/** The definition with a typing error in a field's name, and the line that it is on. */
export function brokenDefinition(o: RepositoryOptions): { text: string; line: number } {
  const text = definition(o).replace('kernelArguments:', 'kernelArgumnets:');
  return { text, line: text.slice(0, text.indexOf('kernelArgumnets:')).split('\n').length };
}

function definition({ baseImage, output }: RepositoryOptions): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata:
  name: worker
spec:
  base:
    image: ${baseImage}
    interval: 10s
  output:
    repository: ${output}
  files:
    - path: /etc/motd
      from: files/motd
    - path: /etc/sysctl.d/90-worker.conf
      content: |
        vm.max_map_count = 262144
  units:
    - name: greet.service
      enabled: true
      contents: |
        [Unit]
        Description=Greets on the console
        [Service]
        Type=oneshot
        ExecStart=/usr/bin/hello
  kernelArguments:
    - panic=10
  addons:
    support: true
`;
}

export interface ToolsOptions {
  baseImage: string;
  output: string;
  /** Of a flat apt repository, and the key it is signed with. */
  repositoryUrl: string;
  gpgKey: string;
  packages: readonly string[];
  /** Content of a file beside the packages. */
  note: string;
  /** The node that its foundation is built on, where that is not to be any. */
  node?: string;
}

/** A second definition, which no pool runs: one with a package. */
export function toolsDefinition(o: ToolsOptions): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata:
  name: tools
spec:
  base:
    image: ${o.baseImage}
  output:
    repository: ${o.output}
  packages:
    manager: apt
    install: [${o.packages.join(', ')}]
    repositories:
      - name: local
        url: ${o.repositoryUrl}
        gpgKey: |
${o.gpgKey.replace(/^/gm, '          ')}
  files:
    - path: /etc/note
      content: note ${o.note}
${o.node === undefined ? '' : `  build:\n    nodeSelector:\n      kubernetes.io/hostname: ${o.node}\n`}`;
}

/** A pool of the one node that the operator's own pods are on, which are not drained: there is no other node for them. */
export function ownNodePool(node: string): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemPool
metadata:
  name: own-node
spec:
  nodeSelector:
    matchLabels:
      kubernetes.io/hostname: ${node}
  system:
    definitionRef:
      name: worker
  drain:
    enabled: false
`;
}

/** The definition's builds stand still. */
export function stillFiles(o: RepositoryOptions): Record<string, string> {
  return { [paths.definition]: `${definition(o)}  build:\n    suspend: true\n` };
}

/** The pool asks for an image that nobody built here. */
export function byHandFiles(o: RepositoryOptions, image: string): Record<string, string> {
  return {
    [paths.pool]: pool(o).replace('    definitionRef:\n      name: worker\n', `    image: ${image}\n`),
  };
}

function pool({ maxUnavailable }: RepositoryOptions): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemPool
metadata:
  name: workers
spec:
  nodeSelector:
    matchLabels:
      node-role.kubernetes.io/worker: ''
  system:
    definitionRef:
      name: worker
  addons:
    - name: runtime
      addon: runtime
  rollout:
    canary: 1
    maxUnavailable: ${maxUnavailable}
`;
}
