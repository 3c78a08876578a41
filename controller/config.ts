/**
 * Every flag and its default, in one table: `--help`, the parser and docs/flags.md all come from it.
 * There are no environment variables but KUBECONFIG, which kubectl's users expect.
 */
import { parseArgs } from 'node:util';
import { parseDuration } from './api/duration.ts';
import { defaultNamespace } from './api/names.ts';

export type Command = 'controller' | 'agent';

interface Flag {
  kind: 'string' | 'boolean' | 'integer' | 'duration' | 'list';
  /** As it would be written on the command line; '' for none. */
  default: string;
  commands: readonly Command[];
  help: string;
}

const both = ['controller', 'agent'] as const;
const controller = ['controller'] as const;
const agent = ['agent'] as const;

/** The table. Keys are the flags' names without the dashes. */
export const flags = {
  kubeconfig: {
    kind: 'string',
    default: '',
    commands: both,
    help: 'kubeconfig file; without it $KUBECONFIG, then the ServiceAccount of the pod',
  },
  'log-level': { kind: 'string', default: 'info', commands: both, help: 'debug, info, warn, error or silent' },
  'http-address': {
    kind: 'string',
    default: '0.0.0.0:8080',
    commands: both,
    help: 'address of /healthz, /readyz and /metrics; "off" for none, port 0 for any free one',
  },
  namespace: {
    kind: 'string',
    default: defaultNamespace,
    commands: controller,
    help: "the operator's own namespace: its Secrets and its Lease",
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
  'insecure-registries': {
    kind: 'list',
    default: '',
    commands: controller,
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
    help: "directory for buildah's storage; default: a directory below the system's temporary one",
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

type Value<F extends Flag> = F['kind'] extends 'boolean'
  ? boolean
  : F['kind'] extends 'integer' | 'duration'
    ? number
    : F['kind'] extends 'list'
      ? readonly string[]
      : string;
/** Parsed flags by name; durations in milliseconds, absent strings ''. */
export type Config = { readonly [K in keyof typeof flags]: Value<(typeof flags)[K]> };

/** A command line that cannot be used; the message says what is wrong and how to see the flags. */
export class UsageError extends Error {}

/** Parses the arguments behind a subcommand. Throws UsageError. */
export function parseConfig(command: Command, args: readonly string[]): Config {
  const mine = Object.entries(flags).filter(([, f]) => (f.commands as readonly Command[]).includes(command));
  let values: Record<string, string | boolean | undefined>;
  try {
    values = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(mine.map(([name]) => [name, { type: 'string' as const }])),
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)} (see scantling ${command} --help)`, {
      cause: error,
    });
  }
  const config = Object.fromEntries(
    Object.entries(flags).map(([name, f]) => [name, parseFlag(name, f, String(values[name] ?? f.default))]),
  );
  const parsed = Object.freeze(config) as Config;
  if (command === 'agent' && parsed['node-name'] === '') throw new UsageError('--node-name is required');
  if (!['nsenter', 'direct'].includes(parsed['host-exec']))
    throw new UsageError(`--host-exec is nsenter or direct, not "${parsed['host-exec']}"`);
  return parsed;
}

function parseFlag(name: string, flag: Flag, text: string): string | boolean | number | readonly string[] {
  switch (flag.kind) {
    case 'string':
      return text;
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new UsageError(`--${name} is true or false, not "${text}"`);
      return text === 'true';
    case 'integer':
      if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new UsageError(`--${name} is a whole number from 1, not "${text}"`);
      return Number(text);
    case 'duration':
      try {
        return parseDuration(text);
      } catch (error) {
        throw new UsageError(`--${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    case 'list':
      return text
        .split(',')
        .map(s => s.trim())
        .filter(Boolean);
  }
}

/** The flags of a subcommand as `--help` shows them. */
export function helpFor(command: Command): string {
  const lines = Object.entries(flags)
    .filter(([, f]) => (f.commands as readonly Command[]).includes(command))
    .map(([name, f]) => `  --${name} ${f.kind.toUpperCase()}\n        ${f.help}${f.default ? ` (default ${f.default})` : ''}`);
  return `Usage: scantling ${command} [flags]\n\n${lines.join('\n')}\n`;
}
