/** The files of an addon from its registry, one after the other. */
import type { AddonBlob, AddonFile } from '../api/addon-artifact.ts';
import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { FileListError, parseFileList } from './file-list.ts';
import type { AddonReason } from './reasons.ts';

/** A hundred thousand files, with paths that are longer than any real ones. */
const maxBytes = 256 * 1024 * 1024;

/**
 * In the order of the paths' bytes, directory by directory, as they come from the registry: they are not held in memory, and the loop has its turns.
 * @param files as the configuration names them
 * @throws StallingError `InvalidArtifact` when it is no list; NotFoundError when it is not there, and what else the registry throws
 */
export async function* readFileList(
  registry: Pick<Registry, 'readBlob'>,
  { repository, files }: { repository: string; files: AddonBlob },
  auth?: DockerConfig,
): AsyncGenerator<AddonFile, undefined> {
  const what = `${repository}@${files.digest}`;
  if (files.size > maxBytes) throw invalid(what, `it has ${files.size} bytes, more than ${maxBytes}`);
  try {
    yield* parseFileList(registry.readBlob(repository, files, auth));
  } catch (error) {
    if (error instanceof FileListError) throw invalid(what, error.message, error);
    throw error;
  }
  return undefined;
}

function invalid(what: string, why: string, cause?: Error): StallingError {
  return new StallingError('InvalidArtifact' satisfies AddonReason, `${what} is no list of an addon's files: ${why}`, { cause });
}
