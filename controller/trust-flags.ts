/** The part of the table of flags (config.ts) that is about who may sign: of `scantling trust` and `scantling verify`. */
import type { Flag } from './config.ts';

/** Those that change which keys count. */
const changeTrust = ['trust add', 'trust approve', 'trust remove', 'trust revoke'] as const;
export const trustCommands = ['trust list', 'trust show', ...changeTrust] as const;
export const verifyCommands = ['verify image', 'verify commit'] as const;

export const trustFlags = {
  prefix: {
    kind: 'string',
    default: '',
    commands: ['trust add'],
    help: 'name that the key may sign for, with all names below it, as registry.example.com/os; without KEY the keys that the prefix itself names (discovery)',
  },
  root: {
    kind: 'switch',
    default: '',
    commands: ['trust add'],
    help: 'the key may sign for every name; this or --prefix is needed',
  },
  'policy-name': {
    name: 'policy',
    kind: 'string',
    default: '',
    commands: changeTrust,
    help: 'TrustPolicy that is changed, or of add the name of a new one; default: the one of that scope, or that has the key',
  },
  authority: {
    kind: 'string',
    default: '',
    commands: ['trust add', 'trust approve'],
    help: "name of the authority that is added; default: from the key's kind and fingerprint",
  },
  subject: {
    kind: 'string',
    default: '',
    commands: ['trust add'],
    help: 'Image or Git; default: as the kind of key says, PEM for images, OpenPGP and SSH for commits',
  },
  'policy-mode': {
    name: 'mode',
    kind: 'string',
    default: 'Enforce',
    commands: ['trust add'],
    help: 'of a policy that is made: Enforce, or Warn (what is not trusted is let through, and said)',
  },
  fingerprint: {
    kind: 'list',
    default: '',
    commands: ['trust add'],
    help: 'fingerprint that you were told by other means; a key of it is taken without a question, and any other is refused',
  },
  file: {
    kind: 'string',
    default: '',
    commands: trustCommands,
    help: 'file or directory with TrustPolicies, in place of the cluster; comments in it are kept',
  },
  'insecure-allow-http': {
    kind: 'switch',
    default: '',
    commands: ['trust add'],
    help: 'take a key from http://, where others on the way can change it',
  },
  'allow-private-addresses': {
    kind: 'switch',
    default: '',
    commands: ['trust add'],
    help: 'look for keys (discovery) at hosts with private addresses too',
  },
  since: {
    kind: 'string',
    default: '',
    commands: ['trust revoke'],
    help: 'time (RFC 3339); what a log or a timestamp proves to be signed before it stays good; default: nothing does',
  },
  reason: { kind: 'string', default: '', commands: ['trust revoke'], help: 'why, for people' },
  policy: {
    kind: 'list',
    default: '',
    commands: verifyCommands,
    help: 'files and directories with TrustPolicies; may be given several times; default: the TrustPolicies of the cluster',
  },
  secret: {
    kind: 'list',
    default: '',
    commands: verifyCommands,
    help: 'with --policy: NAME=DIRECTORY, a directory with the keys of a Secret that policies name as files; may be given several times',
  },
  'config-map': {
    kind: 'list',
    default: '',
    commands: verifyCommands,
    help: 'with --policy: NAME=DIRECTORY, the same for a ConfigMap',
  },
  commit: {
    kind: 'string',
    default: '',
    commands: ['verify image'],
    help: 'commit (whole id) that the image is known to be built from, for policies whose attestations must name it',
  },
  'git-repository': {
    name: 'repository',
    kind: 'string',
    default: '.',
    commands: ['verify commit'],
    help: 'directory of the repository; git must be installed',
  },
  'git-url': {
    name: 'url',
    kind: 'string',
    default: '',
    commands: ['verify commit'],
    help: 'URL of the repository, which policies are chosen by; default: that of the remote origin',
  },
  'verify-mode': {
    name: 'mode',
    kind: 'string',
    default: 'Head',
    commands: ['verify commit'],
    help: 'Head (the commit), Tag (the tag) or Ancestry (every commit since --from)',
  },
  from: {
    kind: 'string',
    default: '',
    commands: ['verify commit'],
    help: 'with --mode Ancestry: commit that is taken as good, whose successors must all be signed',
  },
} as const satisfies Record<string, Flag>;
