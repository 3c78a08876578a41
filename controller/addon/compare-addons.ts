/** Whether addons hide files of each other or of the system, by the lists of their files in the registry and those of the system's layers. */
import type { ResolvedAddon } from '../api/addon-set.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { matchesGlobs } from '../trust/path-globs.ts';
import { collisionProblems } from './collision-problems.ts';
import type { AddonContent, ListedFile } from './collisions.ts';
import { type LayerLists, TooLargeError } from './layer-lists.ts';
import type { ProfileProblem } from './profile-reasons.ts';
import { readAddonArtifact } from './push-image.ts';
import { readFileList } from './read-file-list.ts';
import { readSystemFiles, type SystemImage } from './read-system-files.ts';

export type ComparedAddon = Pick<ResolvedAddon, 'name' | 'image'> & {
  /** Globs of absolute paths: where its files may take the place of the system's. */
  allowReplace?: readonly string[];
};

export interface CompareRequest {
  addons: readonly ComparedAddon[];
  /** Absent: they are compared with each other alone. */
  system?: SystemImage;
}

export interface Compared {
  problems: readonly ProfileProblem[];
  /** What was not compared, in words. */
  note?: string;
}

/** So many names are held in memory at once. */
const mostNames = 200_000;

interface Means {
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>;
  lists: LayerLists;
}

/**
 * Addons whose artifact has no list, sets with too many names and systems that are too large are not compared, which `note` says. One at a time: what is held of it may be large.
 * @param mostHeld names together
 * @throws StallingError `InvalidArtifact`; NotFoundError, what else the registry throws, and readSystemFiles
 */
export async function compareAddons(
  means: Means,
  { addons, system }: CompareRequest,
  auth?: DockerConfig,
  mostHeld = mostNames,
): Promise<Compared> {
  const { registry } = means;
  const contents: AddonContent[] = [];
  const wanted = new Set<string>();
  const unlisted: string[] = [];
  let held = 0;
  for (const { name, image, allowReplace = [] } of addons) {
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
      wanted.add(file.path);
    }
    contents.push({ name, files: listed, mayReplace: replaces(allowReplace) });
  }
  const notes = unlisted.length === 0 ? [] : [`without a list of files, and not compared: ${unlisted.join(', ')}`];
  let base: readonly ListedFile[] = [];
  if (system && contents.length > 0)
    try {
      base = await readSystemFiles(means, system, wanted, auth);
    } catch (error) {
      if (!(error instanceof TooLargeError)) throw error;
      notes.push(`not compared with the files of the system: ${error.message}`);
    }
  const note = notes.join('; ');
  const problems = collisionProblems(contents, base, system && `${system.image} (${system.platform})`);
  return { problems, ...(note === '' ? {} : { note }) };
}

function replaces(globs: readonly string[]): (path: string) => boolean {
  const relative = globs.map(glob => glob.replace(/^\//, ''));
  return path => matchesGlobs(path.slice(1), relative);
}
