/**
 * Every flag and its default, in one table: `--help`, the parser (command-line.ts) and docs/flags.md all come from it.
 * There are no environment variables but those that others have defined: KUBECONFIG, HTTPS_PROXY and its like, and OTEL_* for traces.
 */
import { addonClusterCommands, addonFlags, addonRegistryCommands } from './addon-flags.ts';
import { buildFlags } from './build-flags.ts';
import type { Command } from './commands.ts';
import { defaultAgentNamespace, defaultLease, defaultNamespace, shardLabel } from './api/names.ts';
import { trustCommands, trustFlags, verifyCommands } from './trust-flags.ts';

export interface Flag {
  /** A list may also be given several times. A switch takes no value. A timeout is a duration, or seconds; 0 is none. */
  kind: 'string' | 'boolean' | 'integer' | 'duration' | 'timeout' | 'list' | 'switch';
  /** Of a list: it is not split at commas. */
  whole?: true;
  /** As it would be written on the command line; '' for none. */
  default: string;
  commands: readonly Command[];
  /** One letter, as an abbreviation. */
  short?: string;
  /** As it is written, where another command has a flag of that name with another meaning; otherwise the table's key. */
  name?: string;
  help: string;
}

const both = ['controller', 'agent'] as const;
const controller = ['controller'] as const;
const agent = ['agent'] as const;
/** Those that people run against a cluster. */
const people = [
  'status',
  'why',
  'logs',
  'version',
  'uninstall',
  'self-test',
  ...trustCommands,
  ...verifyCommands,
  ...addonClusterCommands,
] as const;

/** The table. Keys are the flags' names without the dashes. */
export const flags = {
  kubeconfig: {
    kind: 'string',
    default: '',
    commands: ['controller', 'agent', ...people],
    help: 'kubeconfig file; without it $KUBECONFIG (a list of files is merged), then the ServiceAccount of the pod, or for the commands of people ~/.kube/config before that',
  },
  'kube-context': {
    name: 'context',
    kind: 'string',
    default: '',
    commands: people,
    help: 'context of the kubeconfig; default: its current one',
  },
  cluster: { kind: 'string', default: '', commands: people, help: "cluster of the kubeconfig, in place of the context's" },
  user: { kind: 'string', default: '', commands: people, help: "user of the kubeconfig, in place of the context's" },
  server: {
    kind: 'string',
    default: '',
    commands: people,
    short: 's',
    help: "URL of the API server, in place of the cluster's; its authority stays that of the kubeconfig",
  },
  token: {
    kind: 'string',
    default: '',
    commands: people,
    help: "bearer token, in place of all that the kubeconfig's user has; others on the machine can see it",
  },
  as: { kind: 'string', default: '', commands: people, help: 'user to impersonate, as with kubectl' },
  'as-group': {
    kind: 'list',
    whole: true,
    default: '',
    commands: people,
    help: "group to impersonate, with --as or where the kubeconfig's user has one; may be given several times, and is not split at commas",
  },
  'request-timeout': {
    kind: 'timeout',
    default: '30s',
    commands: people,
    help: 'how long one question to the API server may take with all its attempts, as 90s or 90; 0 for as long as it takes. Writes have 10s, and what is followed has no end',
  },
  'log-level': { kind: 'string', default: 'info', commands: both, help: 'debug, info, warn, error or silent' },
  'http-address': {
    kind: 'string',
    default: ':8080',
    commands: both,
    help: 'address of /healthz, /readyz and /metrics, as host:port or [IPv6]:port; without a host every address of both families; "off" for none, port 0 for any free one',
  },
  'webhook-address': {
    kind: 'string',
    default: 'off',
    commands: controller,
    help: 'address (as that of --http-address) at which calls of Git servers are taken, at /hooks/SOURCE; "off" for none. Plain http: TLS ends before it',
  },
  namespace: {
    kind: 'string',
    default: defaultNamespace,
    commands: ['controller', ...people],
    short: 'n',
    help: "the operator's own namespace: its Secrets, its Lease and the Jobs of builds",
  },
  'agent-namespace': {
    kind: 'string',
    default: defaultAgentNamespace,
    commands: [...both, 'uninstall'],
    help: "the agents' own namespace: the pull Secrets of pools, which the controller copies there and agents read",
  },
  identity: {
    kind: 'string',
    default: '',
    commands: controller,
    help: 'name in the Lease and in events; default: host name and a random part',
  },
  'leader-elect': {
    kind: 'boolean',
    default: 'true',
    commands: controller,
    help: 'work only while holding the Lease; needed as soon as two replicas run',
  },
  'lease-name': {
    kind: 'string',
    default: defaultLease,
    commands: ['controller', 'status', 'why', 'version', 'uninstall', 'self-test'],
    help: 'the Lease that replicas of one controller share; every shard has its own',
  },
  'shard-selector': {
    kind: 'string',
    default: `!${shardLabel}`,
    commands: controller,
    help: 'label selector of the sources, definitions, addons and pools that this controller acts on, with all that comes from them; those of other shards are only read (docs/operations.md)',
  },
  'insecure-registries': {
    kind: 'list',
    default: '',
    commands: ['controller', 'build', 'context', 'verify image', ...addonRegistryCommands],
    help: 'registries (host:port, comma-separated) that are spoken to by plain http',
  },
  'concurrent-sources': { kind: 'integer', default: '4', commands: controller, help: 'sources polled at once' },
  'concurrent-definitions': { kind: 'integer', default: '4', commands: controller, help: 'definitions rendered at once' },
  'concurrent-builds': { kind: 'integer', default: '4', commands: controller, help: 'builds at once' },
  'concurrent-builds-per-definition': {
    kind: 'integer',
    default: '1',
    commands: controller,
    help: 'builds of one definition at once',
  },
  builders: {
    kind: 'list',
    default: 'job',
    commands: controller,
    help: 'what may run the steps of foundations, job (pods) or process (buildah beside the controller); the first is used unless a definition names one',
  },
  'builder-image': { kind: 'string', default: '', commands: controller, help: 'image of the pods of the builder job' },
  'builder-service-account': {
    kind: 'string',
    default: 'scantling-builder',
    commands: controller,
    help: 'ServiceAccount of the pods of the builder job; needs no rights',
  },
  'builder-requests': {
    kind: 'list',
    default: '',
    commands: controller,
    help: 'what pods of the builder job ask for, as cpu=500m,memory=1Gi, unless the definition has build.resources',
  },
  'builder-limits': {
    kind: 'list',
    default: '',
    commands: controller,
    help: 'what those pods may use at most, as memory=4Gi',
  },
  'registries-config': {
    kind: 'string',
    default: 'scantling-registries',
    commands: controller,
    help: "ConfigMap of the operator's namespace with certificates, mirrors and plain http of registries, in its key registries.yaml; it need not exist",
  },
  'build-directory': {
    kind: 'string',
    default: '',
    commands: controller,
    help: "directory for buildah's storage, and for what images of addons are made of; default: directories below the system's temporary one",
  },
  'trust-directory': {
    kind: 'string',
    default: '',
    commands: controller,
    help: "directory that trusted roots fetched by TUF are kept in; it is refused where it is another user's, or others may write; default: a directory below the system's temporary one",
  },
  follow: {
    kind: 'switch',
    default: '',
    commands: ['logs'],
    short: 'f',
    help: 'go on until the build has ended',
  },
  'output-format': {
    name: 'output',
    kind: 'string',
    default: 'table',
    commands: ['status', 'why', 'version', 'uninstall', ...trustCommands, ...verifyCommands, ...addonClusterCommands],
    short: 'o',
    help: 'table (words for people), wide (nothing cut), json or yaml',
  },
  ...trustFlags,
  client: { kind: 'switch', default: '', commands: ['version'], help: 'only the version of this program; asks no cluster' },
  check: {
    kind: 'switch',
    default: '',
    commands: ['uninstall'],
    help: 'change nothing, and list what is left of Scantling: exit code 0 when that is nothing, 1 when it is something',
  },
  'uninstall-timeout': {
    name: 'timeout',
    kind: 'duration',
    default: '5m',
    commands: ['uninstall'],
    help: 'how long to wait for nodes that are rebooting and for pods that are going; after it such nodes are uncordoned all the same, and named',
  },
  ...buildFlags,
  ...addonFlags,
  output: {
    kind: 'string',
    default: '',
    commands: ['context'],
    short: 'o',
    help: 'directory to write to; it must be empty, or not exist (required)',
  },
  'node-name': { kind: 'string', default: '', commands: agent, help: 'name of the Node that the agent runs on (required)' },
  'host-root': { kind: 'string', default: '/proc/1/root', commands: agent, help: "where the host's file system is seen" },
  'host-path': {
    kind: 'string',
    default: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    commands: agent,
    help: 'PATH that host commands run with',
  },
  'host-exec': {
    kind: 'string',
    default: 'nsenter',
    commands: agent,
    help: 'how host commands run: nsenter (from a pod, into the namespaces of PID 1) or direct (on the host itself)',
  },
  'heartbeat-interval': {
    kind: 'duration',
    default: '5m',
    commands: agent,
    help: 'how often an unchanged status is written again',
  },
  'reboot-timeout': {
    kind: 'duration',
    default: '10m',
    commands: agent,
    help: 'how long the host may take to go down after it was told to reboot, before that is reported',
  },
} as const satisfies Record<string, Flag>;

type Value<F extends Flag> = F['kind'] extends 'boolean' | 'switch'
  ? boolean
  : F['kind'] extends 'integer' | 'duration' | 'timeout'
    ? number
    : F['kind'] extends 'list'
      ? readonly string[]
      : string;
/** Parsed flags by name; durations in milliseconds, absent strings ''. */
export type Config = { readonly [K in keyof typeof flags]: Value<(typeof flags)[K]> };
