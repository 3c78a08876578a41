/** Which credentials the nodes of a pool get, and the Secret that holds them: pure. */
import { type Secret, secrets } from '../api/core.ts';
import { messageOf, WaitingError } from '../api/errors.ts';
import { poolLabel } from '../api/names.ts';
import type { Apply } from '../kube/client.ts';
import { type DockerConfig, entryFor, formatDockerConfig, parseDockerConfig } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { AddonSet, SystemPoolView } from './projection.ts';

/** The copy that agents read, as a NodeTarget names it. */
export interface PullSecret {
  name: string;
  /** Changes with the copy. No digest of it: whoever reads a NodeTarget could try passwords against one. */
  revision: string;
}

const secretType = 'kubernetes.io/dockerconfigjson';
const key = '.dockerconfigjson';

/** A Secret that is missing or wrong is looked at again this often: its correction changes no object that is watched. */
export const wrongSecretMs = 30_000;

/** The name of a pool's copy. */
export function copyName(pool: string): string {
  return `pool-${pool}`;
}

/** The copy that nodes are to pull with: made, and still asked for. */
export function pullSecretOf({ spec, status }: Pick<SystemPoolView, 'spec' | 'status'>): PullSecret | undefined {
  const { name, revision } = status.pullSecret ?? {};
  return spec.pullSecretRef && name !== undefined && revision !== undefined ? { name, revision } : undefined;
}

/**
 * The credentials in a Secret. `where` names it.
 * @throws WaitingError `InvalidSecret`, which says nothing of its content
 */
export function credentialsIn(secret: Secret, where: string): DockerConfig {
  if (secret.type !== secretType) {
    throw invalid(`${where} is of type ${secret.type ?? 'Opaque'}; pull credentials are of type ${secretType}`);
  }
  try {
    return parseDockerConfig(Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8'));
  } catch (error) {
    throw invalid(`${where}: ${messageOf(error)}`);
  }
}

/**
 * What nodes pull besides the target: images of its workloads, and artifacts of addons, of which the repository says enough. Sorted, so that it is the same while
 * only digests change.
 */
export function pulledBeside(workloads: readonly string[], sets: Iterable<AddonSet>): string[] {
  const repositories = new Set<string>();
  for (const { addons } of sets) for (const { image } of addons) repositories.add(image.slice(0, image.lastIndexOf('@')));
  return [...workloads, ...[...repositories].toSorted()];
}

/**
 * Of all credentials, those for the target and for the images that come with it: a node gets no more than it needs.
 * @throws WaitingError `InvalidSecret` when there are none for the target
 */
export function narrowed(
  config: DockerConfig,
  images: { target: string; others: readonly string[] },
  where: string,
): DockerConfig {
  const repository = repositoryOf(parseReference(images.target));
  const own = entryFor(config, repository);
  if (!own) throw invalid(`${where} has no credentials for ${repository}`);
  const entries = [own, ...images.others.flatMap(image => entryFor(config, repositoryOf(parseReference(image))) ?? [])];
  return { auths: new Map(entries.map(e => [e.key, e.credentials])) };
}

/** The copy, owned by its pool, with which it goes. */
export function copyOf(pool: Pick<SystemPoolView, 'name' | 'uid'>, namespace: string, config: DockerConfig): Apply<Secret> {
  return {
    apiVersion: 'v1',
    kind: secrets.kind,
    metadata: {
      name: copyName(pool.name),
      namespace,
      labels: { 'app.kubernetes.io/name': 'scantling', [poolLabel]: pool.name },
      ownerReferences: [
        { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name: pool.name, uid: pool.uid, controller: true },
      ],
    },
    type: secretType,
    data: { [key]: Buffer.from(formatDockerConfig(config)).toString('base64') },
  };
}

/** Whether a Secret of the copy's name is one that we made for this pool, or for an earlier one of its name. */
export function isCopy(found: Secret, pool: string): boolean {
  return found.metadata.labels?.[poolLabel] === pool && found.type === secretType;
}

/** Whether the copy is as it should be. */
export function saysTheSame(found: Secret, wanted: Apply<Secret>): boolean {
  const owner = wanted.metadata.ownerReferences?.[0]?.uid;
  const owned = found.metadata.ownerReferences?.some(o => o.uid === owner) === true;
  return owned && found.data?.[key] === wanted.data?.[key] && Object.keys(found.data ?? {}).length === 1;
}

function invalid(message: string): WaitingError {
  return new WaitingError('InvalidSecret', message, wrongSecretMs);
}
