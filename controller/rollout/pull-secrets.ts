/** Reads the pull Secrets that pools name, and keeps the copies that their nodes read equal to them. */
import { secrets, type Secret } from '../api/core.ts';
import { WaitingError } from '../api/errors.ts';
import { fieldManagers } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { SystemPoolView } from './projection.ts';
import { copyName, copyOf, credentialsIn, isCopy, narrowed, saysTheSame, wrongSecretMs } from './pull-secret.ts';

/** How often Secret and copy are compared, when nothing of the pool has changed: both are read by name, never watched. */
const compareMs = 120_000;

interface Kept {
  /** What the copy was made for; another look is due at once when that is another. */
  about: string;
  /** Epoch ms. */
  dueAt: number;
  /** Why there is no copy that can be relied on. */
  error?: unknown;
}

export class PullSecrets {
  readonly #client: Pick<Client, 'get' | 'apply' | 'delete'>;
  readonly #namespaces: { operator: string; agents: string };
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();

  /** `now`: epoch ms. */
  constructor(o: {
    client: Pick<Client, 'get' | 'apply' | 'delete'>;
    namespaces: { operator: string; agents: string };
    now: () => number;
  }) {
    this.#client = o.client;
    this.#namespaces = o.namespaces;
    this.#now = o.now;
  }

  /**
   * The credentials that a pool names; undefined when it names none.
   * @throws WaitingError `SecretNotFound`, `InvalidSecret`
   */
  async credentials({ spec }: SystemPoolView): Promise<DockerConfig | undefined> {
    const name = spec.pullSecretRef?.name;
    return name === undefined ? undefined : this.named(name);
  }

  /**
   * The credentials in a Secret of the operator's namespace.
   * @throws as `credentials`
   */
  async named(name: string): Promise<DockerConfig> {
    const { operator } = this.#namespaces;
    const where = `Secret ${operator}/${name}`;
    const secret = await this.#find(name, operator);
    if (!secret) throw new WaitingError('SecretNotFound', `${where} not found`, wrongSecretMs);
    return credentialsIn(secret, where);
  }

  /**
   * Makes the copy, or puts it right. Resolves with its revision, which is the one given while no comparison is due.
   * @throws as `credentials`, and WaitingError `PullSecretConflict` where the copy's name is taken
   */
  async keep(pool: SystemPoolView, images: { target: string; others: readonly string[] }): Promise<string> {
    const { name, uid, requestedAt, spec, status } = pool;
    const revision = status.pullSecret?.revision;
    const about = JSON.stringify([uid, spec.pullSecretRef, images, requestedAt]);
    const kept = this.#kept.get(name);
    if (kept?.about === about && this.#now() < kept.dueAt) {
      if (kept.error !== undefined) throw kept.error;
      if (revision !== undefined) return revision;
    }
    try {
      const made = await this.#compare(pool, images);
      this.#kept.set(name, { about, dueAt: this.#now() + compareMs });
      return made;
    } catch (error) {
      this.#kept.set(name, { about, dueAt: this.#now() + wrongSecretMs, error });
      throw error;
    }
  }

  /** In how many ms a comparison is due; undefined for a pool without a copy. */
  nextMs(pool: string): number | undefined {
    const dueAt = this.#kept.get(pool)?.dueAt;
    return dueAt === undefined ? undefined : Math.max(0, dueAt - this.#now());
  }

  /** Deletes the copy. One of its name that is not ours stays. */
  async remove(pool: string): Promise<void> {
    this.forget(pool);
    const { agents } = this.#namespaces;
    const found = await this.#find(copyName(pool), agents);
    if (!found || !isCopy(found, pool)) return;
    const { uid } = found.metadata;
    await this.#client.delete(secrets, copyName(pool), { namespace: agents, ...(uid === undefined ? {} : { uid }) });
  }

  /** A pool that is gone, or names no Secret. */
  forget(pool: string): void {
    this.#kept.delete(pool);
  }

  async #compare(pool: SystemPoolView, images: { target: string; others: readonly string[] }): Promise<string> {
    const { operator, agents } = this.#namespaces;
    const all = await this.credentials(pool);
    const where = `Secret ${operator}/${pool.spec.pullSecretRef?.name ?? ''}`;
    const wanted = copyOf(pool, agents, narrowed(all ?? { auths: new Map() }, images, where));
    const found = await this.#find(wanted.metadata.name, agents);
    if (found && !isCopy(found, pool.name)) {
      const message = `Secret ${agents}/${wanted.metadata.name} is not one that Scantling made: delete it, or give the pool another name`;
      throw new WaitingError('PullSecretConflict', message, wrongSecretMs);
    }
    if (found && saysTheSame(found, wanted)) return revisionOf(found);
    return revisionOf(await this.#client.apply(secrets, wanted, { fieldManager: fieldManagers.rollout }));
  }

  async #find(name: string, namespace: string): Promise<Secret | undefined> {
    try {
      return await this.#client.get(secrets, name, namespace);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

/** The API server's own version: it changes with every write, survives a restart, and says nothing of the content. */
function revisionOf({ metadata }: Secret): string {
  return metadata.resourceVersion ?? '';
}
