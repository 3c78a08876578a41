/** The part of the table of flags (config.ts) that a build in a pod goes by, with those that other commands share with it. */
import { addonRegistryCommands } from './addon-flags.ts';
import type { Flag } from './config.ts';

const build = ['build'] as const;

export const buildFlags = {
  context: { kind: 'string', default: '', commands: build, help: 'context with the steps, as repository@digest (required)' },
  base: {
    kind: 'string',
    default: '',
    commands: build,
    help: "the base's manifest for the platform, as repository@digest (required)",
  },
  platform: { kind: 'string', default: '', commands: build, help: 'such as linux/amd64 (required)' },
  repository: { kind: 'string', default: '', commands: build, help: 'repository that is pushed to (required)' },
  tag: { kind: 'string', default: '', commands: build, help: 'tag that is pushed (required)' },
  key: { kind: 'string', default: '', commands: build, help: 'key of the foundation, which the image is marked with (required)' },
  lint: {
    kind: 'string',
    default: 'Warn',
    commands: build,
    help: "what findings of bootc's lint do: Error (fail the build), Warn (go into the result) or Off (it is not run)",
  },
  timeout: { kind: 'duration', default: '30m', commands: build, help: 'time for all of it' },
  'auth-file': {
    kind: 'list',
    default: '',
    commands: ['build', 'context', 'verify image', ...addonRegistryCommands],
    help: 'registry credentials (docker config.json), read anew at each use; of two, the first is for pulling and the last for pushing. Without it context and verify look where podman and docker keep theirs',
  },
  'secrets-directory': {
    kind: 'string',
    default: '',
    commands: build,
    help: 'directory with the values of RUN --mount=type=secret, a file for each id',
  },
  'registries-file': {
    kind: 'string',
    default: '',
    commands: ['build', 'context', 'verify image', ...addonRegistryCommands],
    help: 'certificates, mirrors and plain http of registries (registries.yaml); it need not exist',
  },
  'certificates-directory': {
    kind: 'string',
    default: '',
    commands: ['build', 'context', 'verify image', ...addonRegistryCommands],
    help: 'directory with the Secrets that registries-file names: a directory for each, with ca.crt, tls.crt and tls.key',
  },
  'ca-file': {
    kind: 'string',
    default: '',
    commands: build,
    help: "certificate authorities (PEM) that transfers and steps trust besides the machine's; steps see all of them in /run/scantling/ca.crt",
  },
  'proxy-http': { kind: 'string', default: '', commands: build, help: 'proxy for http, of transfers and steps' },
  'proxy-https': { kind: 'string', default: '', commands: build, help: 'proxy for https' },
  'no-proxy': { kind: 'string', default: '', commands: build, help: 'hosts that are reached without a proxy' },
  directory: {
    kind: 'string',
    default: '',
    commands: build,
    help: "directory for buildah's storage; default: a directory below the system's temporary one",
  },
  result: {
    kind: 'string',
    default: '',
    commands: build,
    help: 'file that the result is written to, as JSON of at most 4096 bytes: the digest, or what failed',
  },
} as const satisfies Record<string, Flag>;
