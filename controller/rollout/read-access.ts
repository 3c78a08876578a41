/**
 * With what the controller reads images and addons for a pool: the pool's own Secret, and for what that says nothing of, the Secrets that made them. None of the latter is copied to where agents read,
 * and all are of the operator's namespace.
 */
import { WaitingError } from '../api/errors.ts';
import { type Credentials, type DockerConfig, onlyFor } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { AddonOfferView, DefinitionImageView, SystemPoolView } from './projection.ts';
import type { PullSecrets } from './pull-secrets.ts';

/** What is read, and which Secrets may know a way in, the likeliest first. */
export interface Place {
  /** Or an artifact. */
  image: string;
  secrets: readonly string[];
}

/** The image of a pool, and the artifacts of a set. */
export function placesOf(
  image: string,
  definition: Pick<DefinitionImageView, 'readSecrets'> | undefined,
  addons: readonly { name: string; image: string }[],
  offers: ReadonlyMap<string, Pick<AddonOfferView, 'readSecrets'>>,
): Place[] {
  return [
    { image, secrets: definition?.readSecrets ?? [] },
    ...addons.map(({ name, image }) => ({ image, secrets: offers.get(name)?.readSecrets ?? [] })),
  ];
}

/**
 * Each Secret is read once.
 * @throws as PullSecrets.credentials for the pool's own; of the others, those that are missing or wrong are passed over
 */
export async function readAccess(
  secrets: Pick<PullSecrets, 'credentials' | 'named'>,
  pool: SystemPoolView,
  places: readonly Place[],
): Promise<DockerConfig | undefined> {
  const own = await secrets.credentials(pool);
  const read = new Map<string, Promise<DockerConfig | undefined>>();
  const auths: [string, Credentials][] = [];
  for (const { image, secrets: names } of places) {
    const repository = repositoryOf(parseReference(image));
    if (own && onlyFor(own, repository).auths.size > 0) continue;
    for (const name of names) {
      const config = await (read.get(name) ?? remember(read, name, passedOver(secrets.named(name))));
      const found = config ? [...onlyFor(config, repository).auths] : [];
      auths.push(...found);
      if (found.length > 0) break;
    }
  }
  if (auths.length === 0) return own;
  return { auths: new Map([...auths, ...(own?.auths ?? [])]) };
}

function remember<T>(map: Map<string, T>, key: string, value: T): T {
  map.set(key, value);
  return value;
}

/** Whoever reads with less is told by the registry what it wants. */
async function passedOver(reading: Promise<DockerConfig>): Promise<DockerConfig | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof WaitingError) return undefined;
    throw error;
  }
}
