import { credentialsFor, mergeCredentials } from '../registry/credentials.ts';
import type { DockerConfig } from '../registry/credentials.ts';

/** Credentials for what is pulled (base, other stages) and for the output repository; they may name the same registry with different accounts. */
export interface Accounts {
  pull: DockerConfig | undefined;
  push: DockerConfig | undefined;
}

/** Both in one: the output repository has its account in `push`, the repositories in `pulled` and all others have theirs in `pull`, where it has one. */
export function accountsFor({ pull, push }: Accounts, output: string, pulled: readonly string[]): DockerConfig | undefined {
  const merged = mergeCredentials(pull, push);
  if (!merged) return undefined;
  const auths = new Map(merged.auths);
  for (const [repositories, config] of [
    [pulled, pull ?? push],
    [[output], push ?? pull],
  ] as const) {
    for (const repository of repositories) {
      const credentials = credentialsFor(config, repository);
      if (credentials) auths.set(repository, credentials);
    }
  }
  return { auths };
}
