import { StallingError } from '../api/errors.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';

/** A definition's claim to a repository. */
export interface OutputClaim {
  name: string;
  /** metadata.creationTimestamp: RFC 3339 with whole seconds. */
  createdAt: string;
  /** Uid of the object that it is made for; of one that people write there is none. */
  owner?: string | undefined;
}

/**
 * Which of the definitions with one output repository may push to it, when it is not `own`: the one that was created first, then by name.
 * Two that share it would remove each other's images, and none could say which image is whose. Those that are made for one object are as one: what one of
 * their builds names, retention takes from no other, and they are told apart by their names. Pure.
 */
export function outputHolder(own: OutputClaim, claims: readonly OutputClaim[]): string | undefined {
  const holder = claims
    .filter(claim => claim.name !== own.name && (own.owner === undefined || claim.owner !== own.owner))
    .reduce((first, claim) => (isBefore(claim, first) ? claim : first), own);
  return holder.name === own.name ? undefined : holder.name;
}

function isBefore(a: OutputClaim, b: OutputClaim): boolean {
  return a.createdAt === b.createdAt ? a.name < b.name : a.createdAt < b.createdAt;
}

/** The repository in the form in which equal ones are equal. What is no name of a repository stays as it is: it is refused elsewhere. */
export function outputKey(repository: string): string {
  try {
    return repositoryOf(parseReference(repository));
  } catch (error) {
    if (error instanceof StallingError) return repository;
    throw error;
  }
}
