/** Helm, in the versions that Go modules in test/tools/ pin. */
import type { HelmProgram } from '../tools/helm-versions.ts';
import { administratorCommand, type CommandOptions, type Said } from './administrator-command.ts';

/**
 * Runs `helm` with nothing of this user's configuration: no repositories, no plugins, no current cluster but `kubeconfig`.
 * `program` says in which version; default: the newest.
 * @throws CommandError when it fails, with what it said.
 */
export function helm(args: readonly string[], { program = 'helm', ...options }: HelmOptions = {}): Promise<Said> {
  return administratorCommand(program, args, options);
}

export interface HelmOptions extends CommandOptions {
  program?: HelmProgram;
}
