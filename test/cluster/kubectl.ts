/** kubectl, in the version that test/tools/helm/go.mod pins. */
import { administratorCommand, type CommandOptions, type Said } from './administrator-command.ts';

/**
 * Runs `kubectl` with nothing of this user's configuration: no current cluster but `kubeconfig`.
 * @throws CommandError when it fails, with what it said.
 */
export function kubectl(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  return administratorCommand('kubectl', args, options);
}
