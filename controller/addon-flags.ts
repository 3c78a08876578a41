/** The part of the table of flags (config.ts) that is about addons: of `scantling addon` and `scantling profile`. */
import type { Flag } from './config.ts';

/** Those that ask a registry. */
export const addonRegistryCommands = ['addon import', 'addon check', 'addon build'] as const;
/** Those that make something. */
const making = ['addon import', 'addon build'] as const;
/** Those that ask a cluster. */
export const addonClusterCommands = ['addon check', 'addon list', 'addon show', 'profile show'] as const;

export const addonFlags = {
  'addon-name': {
    name: 'name',
    kind: 'string',
    default: '',
    commands: making,
    help: "name of the SystemAddon. Required by build; default of import: from the file's name, NAME-REFERENCE, without the reference where that is torcx's own com.coreos.cl",
  },
  'addon-platform': {
    name: 'platform',
    kind: 'string',
    default: 'linux/amd64',
    commands: making,
    help: 'platform that its programs are for: linux/amd64 or linux/arm64',
  },
  'addon-os': {
    name: 'os',
    kind: 'string',
    default: '_any',
    commands: making,
    help: 'system that it is for, as ID or ID:VERSION_ID of its /etc/os-release; _any for software that needs nothing of it',
  },
  'allow-setuid': {
    kind: 'switch',
    default: '',
    commands: making,
    help: 'keep files that run as their owner or group; without it they are refused',
  },
  'import-output': {
    name: 'output',
    kind: 'string',
    default: '',
    commands: ['addon import'],
    short: 'o',
    help: 'directory to write to, which must be empty or not exist: image/ (an OCI layout) and systemaddon.yaml, or of a profile systempool.yaml. Without it nothing is written',
  },
  tree: {
    kind: 'switch',
    default: '',
    commands: ['addon import'],
    help: 'write tree/, the files themselves, in place of image/',
  },
  push: {
    kind: 'string',
    default: '',
    commands: ['addon import'],
    help: 'repository that the content is pushed to as an image, which the SystemAddon then names',
  },
  'raw-output': {
    name: 'output',
    kind: 'string',
    default: '',
    commands: ['addon build'],
    short: 'o',
    help: 'file to write, as NAME.raw; it must not exist (required)',
  },
  ignore: {
    kind: 'list',
    default: '',
    commands: ['addon build'],
    help: 'absolute paths that are left out with all below them, as /etc; may be given several times',
  },
  'os-image': {
    name: 'os',
    kind: 'string',
    default: '',
    commands: ['addon check'],
    help: 'image of the system, by tag or digest (required)',
  },
  'os-platforms': {
    name: 'platform',
    kind: 'list',
    default: '',
    commands: ['addon check'],
    help: 'platforms that are looked at, as linux/amd64; default: all that the image has',
  },
  profile: {
    kind: 'string',
    default: '',
    commands: ['addon check'],
    help: 'file with the profile: a SystemPool, its spec.addons, or a profile of torcx. Without it and --pool, what the image itself asks for',
  },
  pool: {
    kind: 'string',
    default: '',
    commands: ['addon check'],
    help: 'SystemPool of the cluster whose spec.addons are meant, with what its nodes ask for themselves',
  },
  node: {
    kind: 'string',
    default: '',
    commands: ['addon check'],
    help: 'this node alone, with the pool that its NodeTarget names, where none is given',
  },
  addon: {
    kind: 'list',
    default: '',
    commands: ['addon check'],
    help: 'file with SystemAddons and their status, as kubectl get addon -o yaml writes them, in place of those of the cluster; no cluster is asked unless --pool or --node is given',
  },
  format: {
    kind: 'string',
    default: 'table',
    commands: making,
    help: 'what is written to standard output: table (words for people), json or yaml',
  },
} as const satisfies Record<string, Flag>;
