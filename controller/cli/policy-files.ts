/** TrustPolicies in files, as they are kept in Git and applied from there. */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../api/errors.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { UsageError } from '../command-line.ts';
import { changeFile, isAbsent } from './locked-file.ts';
import { policiesIn, PolicyFileError, policyText, withEdits } from './policy-document.ts';
import { edited, TrustRefusedError } from './trust-edit.ts';
import type { PolicyStore } from './trust-store.ts';

/** A policy, and where it is. */
export interface FiledPolicy {
  policy: TrustPolicy;
  file: string;
  /** Which document of the file. */
  index: number;
}

/** Far beyond what people write. */
const maxFileBytes = 4 * 1024 ** 2;
const maxFiles = 1_000;

/** The policies of files and directories (their .yaml and .yml, and those of directories in them). Throws PolicyFileError, UsageError. */
export async function readPolicyFiles(paths: readonly string[]): Promise<FiledPolicy[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const found: FiledPolicy[] = [];
  for (const file of new Set(files)) for (const one of policiesIn(file, await textOf(file))) found.push({ ...one, file });
  const byName = Map.groupBy(found, ({ policy }) => policy.metadata.name);
  for (const [name, [first, second]] of byName)
    if (first && second) throw new PolicyFileError(`TrustPolicy ${name} is in ${first.file} and in ${second.file}`);
  return found;
}

async function filesOf(path: string): Promise<string[]> {
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(path)).isDirectory();
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (!isDirectory) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter(entry => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .filter(
      file =>
        !file
          .slice(path.length)
          .split('/')
          .some(part => part.startsWith('.')),
    )
    .toSorted();
  if (files.length > maxFiles) throw new UsageError(`${path} has ${files.length} files of YAML; ${maxFiles} are read at most`);
  return files;
}

async function textOf(file: string): Promise<string> {
  const bytes = await readFile(file);
  if (bytes.length > maxFileBytes) throw new PolicyFileError(`${file} is larger than ${maxFileBytes} bytes`);
  return new TextDecoder('utf-8').decode(bytes);
}

/** `path` may be a file, or with a slash at its end a directory, that is not there yet. */
export async function openPolicyFiles(path: string): Promise<PolicyStore> {
  const kind = await kindOf(path);
  const read = async (): Promise<FiledPolicy[]> => (kind === 'file' || kind === 'directory' ? await readPolicyFiles([path]) : []);
  const filed = await read();
  return {
    policies: async () =>
      Promise.resolve(filed.map(({ policy }) => policy).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))),
    create: async policy => {
      if (kind === 'newDirectory') await mkdir(path, { recursive: true });
      const { name } = policy.metadata;
      const file = kind === 'directory' || kind === 'newDirectory' ? join(path, `${name}.yaml`) : path;
      await changeFile(file, before => {
        if (policiesIn(file, before).some(found => found.policy.metadata.name === name)) throw changedMeanwhile();
        const separator = before === '' ? '' : `${before.endsWith('\n') ? '' : '\n'}---\n`;
        return readable(file, `${before}${separator}${policyText(policy)}`);
      });
      return file;
    },
    change: async (policy, edits) => {
      const { name } = policy.metadata;
      const place = filed.find(f => f.policy.metadata.name === name);
      if (!place) throw new TrustRefusedError(`TrustPolicy ${name} is in no file`);
      // What would be refused is not written.
      edits.reduce((current, edit) => ({ ...current, spec: edited(current, edit) }), policy);
      await changeFile(place.file, before => {
        const found = policiesIn(place.file, before).find(one => one.policy.metadata.name === name);
        if (!found || !isDeepStrictEqual(found.policy, place.policy)) throw changedMeanwhile();
        return readable(place.file, withEdits(before, found.index, edits));
      });
      return place.file;
    },
    close: () => Promise.resolve(),
  };
}

async function kindOf(path: string): Promise<'file' | 'directory' | 'newDirectory' | 'absent'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return path.endsWith('/') ? 'newDirectory' : 'absent';
  }
}

/** The text, which can be read as what it was meant. */
function readable(file: string, text: string): string {
  policiesIn(file, text);
  return text;
}

function changedMeanwhile(): TrustRefusedError {
  return new TrustRefusedError('the policy was changed by somebody else meanwhile; nothing was written, look at it again');
}
