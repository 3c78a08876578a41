/** The commands, with what stands behind each and how it is written. Their flags are in config.ts. */

export interface CommandEntry {
  summary: string;
  /** What must stand behind the command, in order. */
  positionals: readonly string[];
  /** What may stand behind that. */
  optional?: readonly string[];
  /** Command lines as people write them, each with what it is for. */
  examples?: readonly (readonly [line: string, what: string])[];
}

/** Every command, as --help lists them. What each runs is in main.ts. */
export const commands = {
  status: {
    summary: 'show the chain from sources to nodes, and what is in trouble',
    positionals: [],
    optional: ['KIND/NAME'],
    examples: [
      ['scantling status', 'the whole chain in one screen'],
      ['scantling status pool/edge', 'one pool with its nodes, and what it comes from'],
      ['scantling status -o json | jq .ok', 'for programs; exit code 1 when something is in trouble'],
    ],
  },
  why: {
    summary: 'say what runs on a node and from which commit, and what it waits for when it does not move',
    positionals: ['KIND/NAME'],
    examples: [
      ['scantling why node/worker-1', 'what runs there, and why nothing newer does'],
      ['scantling why pool/edge', 'what a rollout waits for, since when and until when'],
      ['scantling why definition/edge', 'why there is no new image'],
    ],
  },
  logs: {
    summary: "show the output of a build, or of the latest build of a definition or of an addon's packages",
    positionals: ['BUILD'],
    examples: [
      ['scantling logs edge -f', 'follow the latest build of the definition edge to its end'],
      ['scantling logs edge-0123456789', 'one build; without its pods, the end that was kept'],
    ],
  },
  context: {
    summary: 'fetch the exact input of an image, to look at or to build again',
    positionals: ['IMAGE'],
    examples: [['scantling context registry.example.com/systems/edge@sha256:… -o edge-input', 'plan, Containerfile and files']],
  },
  'trust add': {
    summary: 'let a key sign what a prefix covers, or everything, after a person has looked at it',
    positionals: [],
    optional: ['KEY|URL|-'],
    examples: [
      ['scantling trust add cosign.pub --prefix registry.example.com/os', 'shows the key, and asks'],
      ['scantling trust add https://example.com/release.asc --prefix git.example.com/systems', 'an OpenPGP key, for commits'],
      ['scantling trust add --prefix example.com/os', 'the keys that https://example.com/os?ac-discovery=1 names'],
      ['scantling trust add cosign.pub --root --fingerprint 6f3a…', 'without a terminal: only the key of that fingerprint'],
      ['scantling trust add cosign.pub --prefix registry.example.com/os --file policies/', 'into files, for Git'],
    ],
  },
  'trust list': {
    summary: 'show which keys may sign what, what is revoked, and which found keys wait for a person',
    positionals: [],
    examples: [
      ['scantling trust list', 'of the cluster'],
      ['scantling trust list --file policies/ -o json', 'of files, for programs'],
    ],
  },
  'trust show': {
    summary: 'show a policy, or a key by its fingerprint, with all that is known of it',
    positionals: ['POLICY|FINGERPRINT'],
    examples: [
      ['scantling trust show os', 'a policy'],
      ['scantling trust show SHA256:…', 'a key, also one that waits for a person'],
    ],
  },
  'trust approve': {
    summary: 'let a key sign that discovery found, after a person has looked at it',
    positionals: ['FINGERPRINT'],
    examples: [
      ['scantling trust approve 6f3a…', 'shows the key, and asks; without a terminal the whole fingerprint is the answer'],
    ],
  },
  'trust remove': {
    summary: 'take a key off the policies that have it; what it signed before is judged again',
    positionals: ['FINGERPRINT'],
    examples: [['scantling trust remove 6f3a…', 'the whole fingerprint, so nothing is asked']],
  },
  'trust revoke': {
    summary: 'refuse whatever a key signs, whichever policy names it, now and later',
    positionals: ['FINGERPRINT'],
    examples: [
      ['scantling trust revoke 6f3a… --reason "laptop stolen"', 'nothing by that key is accepted any more'],
      ['scantling trust revoke 6f3a… --since 2026-03-01T00:00:00Z', 'what a log proves to be signed before that stays good'],
    ],
  },
  'verify image': {
    summary: 'judge an image as the controller would, and explain each signature that was found',
    positionals: ['IMAGE'],
    examples: [
      ['scantling verify image registry.example.com/os/edge:1', 'by the policies of the cluster'],
      ['scantling verify image registry.example.com/os/edge@sha256:… --policy policies/ -o json', 'by files, for programs'],
    ],
  },
  'verify commit': {
    summary: 'judge a commit or tag of a local repository as the controller would',
    positionals: ['REV'],
    examples: [
      ['scantling verify commit HEAD --policy policies/', 'the repository of this directory'],
      ['scantling verify commit v1.2 --repository ../systems --mode Tag', 'a tag, by the policies of the cluster'],
    ],
  },
  'addon build': {
    summary: 'make the image of an addon of a directory or an image, as the controller does, and see what is refused',
    positionals: ['DIR|IMAGE'],
    examples: [
      ['scantling addon build tree/ --name tools --os fedora:42 -o tools.raw', 'of a directory with usr/ in it'],
      [
        'scantling addon build registry.example.com/team/tools:1 --name tools --os fedora:42 --ignore /etc -o tools.raw',
        'of an image',
      ],
    ],
  },
  'addon check': {
    summary:
      'say whether every addon of a profile has a variant for a system and hides none of its files, before anything is updated to it',
    positionals: [],
    examples: [
      ['scantling addon check --os registry.example.com/os/edge:2 --pool edge', 'what the pool says, for a new system'],
      ['scantling addon check --os registry.example.com/os/edge:2 --profile pool.yaml -o json', 'of a file, for programs'],
      [
        'scantling addon check --os registry.example.com/os/edge:2 --addon addons.yaml',
        'without a cluster, what the image itself asks for',
      ],
    ],
  },
  'addon import': {
    summary: 'make a SystemAddon of an archive of torcx, or entries of a pool of a profile of torcx',
    positionals: ['FILE'],
    examples: [
      ['scantling addon import docker:17.03.torcx.squashfs', 'what would become of it; writes nothing'],
      ['scantling addon import docker:17.03.torcx.tgz -o docker', 'docker/image, an OCI layout, and docker/systemaddon.yaml'],
      [
        'scantling addon import docker:17.03.torcx.tgz --os fedora:42 --push registry.example.com/addons/docker -o docker',
        'pushed, so that systemaddon.yaml can be applied as it is',
      ],
      ['scantling addon import /etc/torcx/profiles/edge.json', 'spec.addons of a SystemPool'],
    ],
  },
  'addon list': {
    summary: 'show which addons there are, and how many of their variants have an image',
    positionals: [],
    examples: [['scantling addon list', 'of the cluster']],
  },
  'addon show': {
    summary: 'show an addon: for which systems it is, what was made of each variant, and what is in the way',
    positionals: ['NAME'],
    examples: [['scantling addon show containerd', 'one addon with its variants']],
  },
  'profile show': {
    summary: 'show which addons a node is to run, who asks for them, and what has become of them',
    positionals: ['NODE'],
    examples: [['scantling profile show worker-1', 'one node']],
  },
  uninstall: {
    summary: 'take everything of Scantling off nodes and objects, before its workloads are removed',
    positionals: [],
    examples: [
      ['scantling uninstall --check', 'what is left of Scantling; changes nothing'],
      ['scantling uninstall', 'then remove the release or the manifests within five minutes'],
    ],
  },
  version: {
    summary: 'print the versions of this program, the controller, the agents, the CRDs and the cluster',
    positionals: [],
    examples: [
      ['scantling version --client', 'only of this program'],
      ['scantling version -o json', 'for programs'],
    ],
  },
  completion: {
    summary: 'print the completion script of a shell (bash, zsh or fish)',
    positionals: ['SHELL'],
    examples: [
      ['source <(scantling completion bash)', 'in ~/.bashrc'],
      ['scantling completion zsh > "${fpath[1]}/_scantling"', 'once'],
      ['scantling completion fish > ~/.config/fish/completions/scantling.fish', 'once'],
    ],
  },
  'self-test': {
    summary: 'say whether an installation works: the API, its rules and policies, and that a controller leads; changes nothing',
    positionals: [],
    examples: [['helm test scantling --namespace scantling-system', 'runs it in the cluster']],
  },
  controller: { summary: 'watch Git, build images, roll them out (in the cluster)', positionals: [] },
  agent: { summary: 'keep one node on its target (on each node)', positionals: [] },
  build: { summary: 'build a foundation and push it (in the pods of builds)', positionals: [] },
} as const satisfies Record<string, CommandEntry>;

export type Command = keyof typeof commands;

export function isCommand(name: string): name is Command {
  return Object.hasOwn(commands, name);
}

/** The commands of two words that begin with this one, as `trust add` with `trust`. */
export function groupOf(word: string): readonly Command[] {
  return Object.keys(commands)
    .filter(isCommand)
    .filter(name => name.startsWith(`${word} `));
}

/** What is run, and its arguments: a command of two words is joined. */
export function splitWords([first, second, ...rest]: readonly string[]): {
  command: string | undefined;
  args: readonly string[];
} {
  const args = second === undefined ? [] : [second, ...rest];
  if (first === undefined || second === undefined || second.startsWith('-') || groupOf(first).length === 0)
    return { command: first, args };
  return { command: `${first} ${second}`, args: rest };
}

/** How a command is written. */
export function synopsisOf(command: Command): string {
  const { positionals, optional = [] }: CommandEntry = commands[command];
  return ['scantling', command, ...positionals, ...optional.map(o => `[${o}]`), '[flags]'].join(' ');
}

/** Whether a command takes KIND/NAME. */
export function takesKindAndName(command: Command): boolean {
  const { positionals, optional = [] }: CommandEntry = commands[command];
  return [...positionals, ...optional].includes('KIND/NAME');
}

/** Command lines of a command, each with what it is for. */
export function examplesOf(command: Command): readonly (readonly [line: string, what: string])[] {
  const { examples = [] }: CommandEntry = commands[command];
  return examples;
}
