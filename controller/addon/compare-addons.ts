/** Whether addons hide files of each other, by the lists of their files in the registry. */
import type { ResolvedAddon } from '../api/addon-set.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { collisionProblems } from './collision-problems.ts';
import type { AddonContent, ListedFile } from './collisions.ts';
import type { ProfileProblem } from './profile-reasons.ts';
import { readAddonArtifact } from './push-image.ts';
import { readFileList } from './read-file-list.ts';

export type ComparedAddon = Pick<ResolvedAddon, 'name' | 'image'>;

export interface Compared {
  problems: readonly ProfileProblem[];
  /** What was not compared, in words. */
  note?: string;
}

/** So many names are held in memory at once. */
const mostNames = 200_000;

/**
 * Compares the addons with each other, not with the system: that would take all of its layers. Addons whose artifact has no list, and sets with too many names, are not compared, which
 * `note` says.
 * @param mostHeld names together
 * @throws StallingError `InvalidArtifact`; NotFoundError, and what else the registry throws
 */
export async function compareAddons(
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>,
  addons: readonly ComparedAddon[],
  auth?: DockerConfig,
  mostHeld = mostNames,
): Promise<Compared> {
  const contents: AddonContent[] = [];
  const unlisted: string[] = [];
  let held = 0;
  for (const { name, image } of addons) {
    const { files } = (await readAddonArtifact(registry, image, auth)).config;
    if (!files) {
      unlisted.push(name);
      continue;
    }
    const listed: ListedFile[] = [];
    for await (const file of readFileList(registry, { repository: repositoryOf(parseReference(image)), files }, auth)) {
      if (++held > mostHeld)
        return { problems: [], note: `its files are not compared: there are more than ${mostHeld} names in them together` };
      listed.push(file);
    }
    contents.push({ name, files: listed });
  }
  const note = unlisted.length === 0 ? undefined : `without a list of files, and not compared: ${unlisted.join(', ')}`;
  return { problems: collisionProblems(contents, []), ...(note === undefined ? {} : { note }) };
}
