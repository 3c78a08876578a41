/** The policies as they were last read, for all who judge. Rebuilt from the API by whoever starts. */
import { isDeepStrictEqual } from 'node:util';
import { TransientError } from '../api/errors.ts';
import type { Store } from '../kube/store.ts';
import type { PolicyView } from './projection.ts';
import type { ReadAuthority, ReadPolicy } from './read-policy.ts';
import type { JudgementReason } from './reasons.ts';

export interface PolicyBookOptions {
  /** All policies of the cluster. */
  policies: Store<PolicyView>;
}

export class PolicyBook {
  readonly #policies: Store<PolicyView>;
  readonly #read = new Map<string, ReadPolicy>();
  readonly #listeners = new Set<() => void>();
  /** What `all` last returned: the same list while it has the same policies, so that what follows from it can be kept. */
  #list: readonly ReadPolicy[] = [];
  /** What listeners were last told of; undefined while something is not read. */
  #told: readonly ReadPolicy[] | undefined;

  constructor({ policies }: PolicyBookOptions) {
    this.#policies = policies;
    policies.onChange((name, now, before) => {
      if (now?.uid !== before?.uid) this.#read.delete(name);
      this.#tell();
    });
  }

  /**
   * Keeps a policy as it was read now. Of an authority that could not be read for now, what was read of the same policy before stays: that the API server
   * does not answer takes nobody's trust away, as little as it gives it. A trusted root counts no longer than its own metadata.
   */
  put(policy: ReadPolicy): ReadPolicy {
    const before = this.#read.get(policy.policy);
    const kept = before?.uid === policy.uid && before.generation === policy.generation ? keepRead(before, policy) : policy;
    const same = before && isDeepStrictEqual(before, kept) ? before : kept;
    this.#read.set(policy.policy, same);
    this.#tell();
    return same;
  }

  /**
   * All policies. Until each that the cluster has is read as it stands, there is no telling what is allowed.
   * @throws TransientError `TrustNotLoaded`
   */
  all(): readonly ReadPolicy[] {
    const read = this.#complete();
    if (read) return read;
    throw new TransientError('TrustNotLoaded' satisfies JudgementReason, 'not all TrustPolicies are read yet');
  }

  /** As `all`, undefined instead of an error. */
  loaded(): readonly ReadPolicy[] | undefined {
    return this.#complete();
  }

  /** Those that are read, whether or not all are: for the status of one of them. */
  known(): readonly ReadPolicy[] {
    return [...this.#read.values()];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #complete(): readonly ReadPolicy[] | undefined {
    if (!this.#policies.synced) return undefined;
    const read = this.#policies.list().map(view => {
      const policy = this.#read.get(view.name);
      // What was read may be newer than what the watch has brought.
      return policy && policy.uid === view.uid && policy.generation >= view.generation ? policy : undefined;
    });
    if (!read.every(policy => policy !== undefined)) return undefined;
    const isSame = read.length === this.#list.length && read.every((policy, i) => policy === this.#list[i]);
    if (!isSame) this.#list = read;
    return this.#list;
  }

  #tell(): void {
    const read = this.#complete();
    if (!read || (this.#told && isDeepStrictEqual(withoutWords(this.#told), withoutWords(read)))) return;
    this.#told = read;
    for (const listener of this.#listeners) listener();
  }
}

function keepRead(before: ReadPolicy, now: ReadPolicy): ReadPolicy {
  const known = new Map(before.authorities.map(authority => [authority.name, authority]));
  const keep = (authority: ReadAuthority): ReadAuthority => {
    const { failure } = authority;
    const good = failure?.retry === true && !failure.ends ? known.get(authority.name) : undefined;
    if (!good?.authority || !failure) return authority;
    return { ...good, failure };
  };
  return { ...now, authorities: now.authorities.map(keep) };
}

/** The words of a failure may change with each try, and what counts all the same is not changed by it. */
function withoutWords(read: readonly ReadPolicy[]): object {
  return read.map(policy => ({
    ...policy,
    authorities: policy.authorities.map(({ failure, ...read }) => (read.authority ? read : { ...read, failed: failure?.reason })),
  }));
}
