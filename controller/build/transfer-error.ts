import { TransientError } from '../api/errors.ts';
import type { BuildError } from './build-error.ts';

/** What registries' answers look like in the words of buildah's library (containers/image). */
const kinds: readonly [RegExp, string][] = [
  [/unauthorized|authentication required|denied|\b(401|403)\b|forbidden|invalid username\/password/i, 'RegistryAccessDenied'],
  [/quota|insufficient storage|\b(413|507)\b/i, 'RegistryQuotaExceeded'],
  [/manifest unknown|name unknown|not found/i, 'ImageNotFound'],
  [/no space left on device/i, 'NoSpace'],
];

/** A failed pull or push, which is no fault of the definition and may pass with the registry's. */
export function transferError(failure: BuildError, what: string): TransientError {
  const said = failure.log.findLast(line => line.startsWith('Error: '))?.slice('Error: '.length) ?? failure.log.at(-1);
  const reason = kinds.find(([pattern]) => pattern.test(said ?? ''))?.[1] ?? 'RegistryUnavailable';
  return new TransientError(reason, `${what}: ${said ?? failure.message}`);
}
