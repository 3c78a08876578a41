/** Helm, in the version that test/tools/helm/go.mod pins. */
import { administratorCommand, type CommandOptions, type Said } from './administrator-command.ts';

/**
 * Runs `helm` with nothing of this user's configuration: no repositories, no plugins, no current cluster but `kubeconfig`.
 * @throws CommandError when it fails, with what it said.
 */
export function helm(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  return administratorCommand('helm', args, options);
}
