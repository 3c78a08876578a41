import { StallingError, TransientError } from '../api/errors.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { accountsFor } from './accounts.ts';
import type { Accounts } from './accounts.ts';

/**
 * Makes a base's platform image be in the output repository too, whose image needs its layers anyway, and returns its name there. buildah then
 * pulls and pushes at one place, and finds there all that is not new: else it would compress and upload the whole base again.
 */
export async function adoptBase(
  registry: Registry,
  { base, repository }: { base: string; repository: string },
  accounts: Accounts,
): Promise<string> {
  const from = repositoryOf(parseReference(base));
  if (from === repository) return base;
  const auth = accountsFor(accounts, repository, [from]);
  try {
    const { json, bytes, mediaType, digest } = await registry.manifest(base, auth);
    const { config, layers } = json as { config?: Descriptor; layers?: Descriptor[] };
    if (!config || !Array.isArray(layers)) throw new StallingError('BaseUnsupported', `base image ${base} is no image manifest`);
    const blobs = [config, ...layers].map(({ digest, size }) => ({ from, digest, size }));
    await Promise.all(blobs.map(blob => registry.copyBlob(repository, blob, auth)));
    await registry.pushManifest(repository, { mediaType, bytes }, auth);
    return `${repository}@${digest}`;
  } catch (error) {
    if (error instanceof NotFoundError)
      throw new TransientError('BaseNotFound', `base image ${base}: ${error.message}`, { cause: error });
    throw error;
  }
}
