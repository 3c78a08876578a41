/** Objects of a chain for tests of what commands say of it, as a controller and agents write them. */
import type { ImageBuild } from '../../controller/api/image-build.ts';
import type { Condition } from '../../controller/api/meta.ts';
import type { NodeTarget } from '../../controller/api/node-target.ts';
import type { SystemAddon } from '../../controller/api/system-addon.ts';
import type { SystemDefinition } from '../../controller/api/system-definition.ts';
import type { SystemPool } from '../../controller/api/system-pool.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import type { Chain } from '../../controller/cli/chain.ts';

const apiVersion = 'scantling.dev/v1alpha1';
export const now = Date.parse('2026-03-01T12:00:00Z');
export const minutesAgo = (n: number): string => new Date(now - n * 60_000).toISOString().replace('.000Z', 'Z');
export const revision = (c: string): string => `main@sha1:${c.repeat(40)}`;
export const digest = (c: string): string => `sha256:${c.repeat(64)}`;
export const reference = (c: string): string => `registry.example/os@${digest(c)}`;

/** Conditions that mean a state. */
export function conditions(
  state: 'Ready' | 'Moving' | 'Retrying' | 'Stalled',
  reason: string,
  message: string,
  since = minutesAgo(12),
): Condition[] {
  const of = (type: string, status: 'True' | 'False', why = reason): Condition => ({
    type,
    status,
    reason: why,
    message,
    lastTransitionTime: since,
  });
  if (state === 'Ready') return [of('Ready', 'True')];
  const more = {
    Moving: of('Reconciling', 'True'),
    Retrying: of('Reconciling', 'True', 'ProgressingWithRetry'),
    Stalled: of('Stalled', 'True'),
  };
  return [of('Ready', 'False'), more[state]];
}

const metadata = (name: string) => ({ name, uid: name, creationTimestamp: minutesAgo(600) });

export const source = (
  status: SystemSource['status'] = {
    lastAppliedRevision: revision('b'),
    lastAttemptedRevision: revision('b'),
    conditions: conditions('Ready', 'Succeeded', 'applied'),
  },
): SystemSource => ({
  apiVersion,
  kind: 'SystemSource',
  metadata: metadata('systems'),
  spec: {
    url: 'https://git.example/systems.git',
    allowInsecure: false,
    ref: { branch: 'main' },
    path: '.',
    interval: '1m',
    timeout: '1m',
    suspend: false,
    prune: true,
    maxRemovals: '25%',
    limits: { packBytes: 134217728, objects: 100000, fileBytes: 16777216 },
  },
  status,
});

export const definition = (status: SystemDefinition['status'] = {}): SystemDefinition =>
  ({
    apiVersion,
    kind: 'SystemDefinition',
    metadata: metadata('edge'),
    spec: {
      base: { image: 'registry.example/base:1' },
      sourceRef: { name: 'systems' },
      output: { repository: 'registry.example/os' },
    },
    status: {
      image: reference('b'),
      digests: [digest('b')],
      revision: revision('b'),
      latestBuild: 'edge-b',
      conditions: conditions('Ready', 'Succeeded', 'built'),
      ...status,
    },
  }) as SystemDefinition;

export const build = (name: string, c: string, status: ImageBuild['status'] = {}): ImageBuild => ({
  apiVersion,
  kind: 'ImageBuild',
  metadata: metadata(name),
  spec: {
    definitionRef: { name: 'edge' },
    revision: revision(c),
    context: digest('c'),
    base: reference('0'),
    output: { repository: 'registry.example/os' },
    execution: { timeout: '30m', lint: 'Warn' },
    builderVersion: '1',
  },
  status: {
    phase: 'Succeeded',
    completionTime: minutesAgo(30),
    image: { reference: reference(c), digest: digest(c) },
    conditions: conditions('Ready', 'Succeeded', 'pushed'),
    ...status,
  },
});

export const pool = (status: SystemPool['status'] = {}): SystemPool => ({
  apiVersion,
  kind: 'SystemPool',
  metadata: metadata('edge'),
  spec: {
    nodeSelector: { matchLabels: { pool: 'edge' } },
    system: { definitionRef: { name: 'edge' } },
    suspend: false,
    rollout: {
      maxUnavailable: 1,
      maxStaging: 10,
      canary: 1,
      failureThreshold: 1,
      timeouts: { stage: '30m', drain: '30m', reboot: '15m' },
    },
    drain: { enabled: true, force: false, deleteEmptyDirData: true },
  },
  status: {
    target: { image: reference('b'), digests: [digest('b')], revision: revision('b') },
    nodes: { total: 2, updated: 2, staged: 0, updating: 0, unavailable: 0, failed: 0 },
    conditions: conditions('Ready', 'Updated', '2 of 2 nodes run it'),
    ...status,
  },
});

/** A node that runs image `runs` and is to run image `wants`. */
export const target = (name: string, runs: string, wants: string, status: NodeTarget['status'] = {}): NodeTarget => ({
  apiVersion,
  kind: 'NodeTarget',
  metadata: metadata(name),
  spec: {
    poolRef: { name: 'edge' },
    image: reference(wants),
    digests: [digest(wants)],
    revision: revision(wants),
    state: 'Staged',
    since: minutesAgo(14),
  },
  status: {
    host: {
      phase: 'Idle',
      bootID: 'boot',
      reportedAt: minutesAgo(1),
      booted: { digest: digest(runs), revision: revision(runs) },
    },
    conditions: conditions('Ready', 'Booted', 'runs it'),
    ...status,
  },
});

/** An addon with one variant. */
export const addon = (name: string, status: SystemAddon['status'] = {}): SystemAddon =>
  ({
    apiVersion,
    kind: 'SystemAddon',
    metadata: metadata(name),
    spec: { variants: [{}], output: { repository: `registry.example/${name}` } },
    status: { ready: '1/1', conditions: conditions('Ready', 'Succeeded', 'all 1 artifacts are made'), ...status },
  }) as SystemAddon;

export function chain(parts: Partial<Chain> = {}): Chain {
  return {
    sources: [source()],
    definitions: [definition()],
    builds: [build('edge-b', 'b')],
    pools: [pool()],
    targets: [target('node-1', 'b', 'b'), target('node-2', 'b', 'b')],
    nodes: ['node-1', 'node-2'].map(name => ({ name, ready: true, unschedulable: false, labels: { pool: 'edge' } })),
    lease: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'scantling-controller' },
      spec: { holderIdentity: 'controller-1', renewTime: minutesAgo(0) },
    },
    ...parts,
  };
}
