/** The flags of RUN: --mount and --network. */
import type { Instruction } from './containerfile-parse.ts';
import type { Scope } from './containerfile-scope.ts';
import { expand, quoteWord } from './containerfile-words.ts';

const types = new Set(['bind', 'cache', 'tmpfs', 'secret']);

export function checkRunFlags({ line, flags }: Instruction, scope: Scope): void {
  const problem = (message: string): void => scope.problem(line, message);
  for (const flag of flags) {
    const { value, problem: unreadable, unknown } = expand(flag, scope.stages.lookup);
    if (unreadable !== undefined) problem(`RUN ${quoteWord(flag)}: ${unreadable}`);
    else if (value === undefined)
      problem(`RUN ${quoteWord(flag)}: ${unknown.join(', ')} has no value that is known before the build`);
    else if (value.startsWith('--mount=')) checkMount(value.slice('--mount='.length), flag);
    else if (value.startsWith('--network=')) checkNetwork(value.slice('--network='.length));
    else if (value.startsWith('--security=')) problem('RUN --security: a build has no privileges to give');
    else problem(`RUN takes no ${quoteWord(value)}; only --mount= and --network=`);
  }

  function checkNetwork(network: string): void {
    if (network === 'host') problem("RUN --network=host: a step does not get the host's network");
    else if (network !== 'none' && network !== 'default') problem(`RUN --network=${network}: there is only "none" and "default"`);
  }

  function checkMount(mount: string, written: string): void {
    const options = optionsOf(mount);
    const type = options.get('type') ?? 'bind';
    const what = `RUN --mount=type=${type}`;
    // As it is written, for a variable is refused.
    const from = optionsOf(written.replace(/^--mount=/, '')).get('from');
    if (type === 'ssh') problem(`${what}: a build has no SSH agent; give it a key by type=secret`);
    else if (!types.has(type)) problem(`${what}: there is only ${[...types].join(', ')}`);
    else if (type === 'secret') checkSecret(options.get('id'));
    else if (from !== undefined && type !== 'tmpfs') scope.stages.checkFrom(line, `${what} from`, from);
    else if (type === 'bind') scope.read(line, what, options.get('source') ?? options.get('src') ?? '.');
  }

  function checkSecret(id: string | undefined): void {
    if (id === undefined || id === '') problem('RUN --mount=type=secret: name the secret by id=');
    else if (!scope.secrets.has(id)) problem(`RUN --mount=type=secret: ${quoteWord(id)} is not in spec.build.secrets`);
    else scope.review.usedSecrets.add(id);
  }
}

function optionsOf(mount: string): ReadonlyMap<string, string> {
  return new Map(mount.split(',').map(split));
}

function split(option: string): [string, string] {
  const equals = option.indexOf('=');
  const key = equals < 0 ? option : option.slice(0, equals);
  return [key.trim().toLowerCase(), equals < 0 ? '' : option.slice(equals + 1)];
}
