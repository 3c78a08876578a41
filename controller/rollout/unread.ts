/** What a pool says of something in a registry that could not be looked up. Pure. */
import { messageOf, reasonOf } from '../api/errors.ts';

/** @param what could not be looked up, in words */
export function unreadText(what: string, error: unknown): string {
  const hint =
    reasonOf(error) === 'RegistryAccessDenied'
      ? '; name a Secret that may read it in spec.pullSecretRef of the pool, or put credentials for it into the one that is named there'
      : '';
  return `${what} cannot be looked up: ${reasonOf(error)}: ${messageOf(error)}${hint}`;
}
