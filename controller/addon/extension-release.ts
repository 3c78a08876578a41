/** /usr/lib/extension-release.d/extension-release.NAME, by which systemd-sysext knows whether an image is for a host (systemd-sysext(8), os-release(5)). */
import type { AddonArchitecture, AddonMatch } from '../api/addon-artifact.ts';
import { StallingError } from '../api/errors.ts';
import type { AddonReason } from './reasons.ts';
import type { RefusalList } from './refusal-list.ts';
import type { Spool } from './spool.ts';
import { newDirectory, segmentsOf } from './tree.ts';
import type { Directory, RegularFile } from './tree.ts';

export interface Release {
  /** Of the addon. */
  name: string;
  match: AddonMatch;
  architecture: AddonArchitecture;
}

const directory = '/usr/lib/extension-release.d';
const fileMode = 0o644;
/** Of one that is there. */
const maxBytes = 64 * 1024;

/**
 * What the file says.
 * @throws StallingError `InvalidMatch` for what it cannot say
 */
function fieldsOf({ name, match, architecture }: Release): Map<string, string> {
  const { id, versionId, sysextLevel } = match;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw invalid(`${JSON.stringify(name)} is no name of an addon`);
  if (!/^([a-z0-9._-]+)$/.test(id)) throw invalid(`os.id ${JSON.stringify(id)} is no ID of an os-release`);
  if (versionId !== undefined && sysextLevel !== undefined)
    throw invalid('os has versionId and sysextLevel; hosts compare only one of them, so name one');
  if (id === '_any' && (versionId !== undefined || sysextLevel !== undefined))
    throw invalid('os.id _any is for every host: it has neither versionId nor sysextLevel');
  const fields = new Map([['ID', id]]);
  for (const [key, value] of [
    ['VERSION_ID', versionId],
    ['SYSEXT_LEVEL', sysextLevel],
  ] as const) {
    if (value === undefined) continue;
    if (!/^[A-Za-z0-9._~^+-]+$/.test(value)) throw invalid(`os: ${JSON.stringify(value)} is no ${key} of an os-release`);
    fields.set(key, value);
  }
  return fields.set('ARCHITECTURE', architecture);
}

/**
 * Puts the file into the tree. One that is there keeps what else it says; where it says something else of the same, that is noted.
 * @throws StallingError `InvalidMatch`
 */
export function addExtensionRelease(root: Directory, release: Release, spool: Spool, refusals: RefusalList): void {
  const fields = fieldsOf(release);
  const path = `${directory}/extension-release.${release.name}`;
  const parent = makeDirectories(root, refusals);
  if (!parent) return;
  const name = `extension-release.${release.name}`;
  const present = parent.children.get(name)?.node;
  const rest: string[] = [];
  if (present && (present.kind !== 'file' || !present.content || present.content.size > maxBytes)) {
    refusals.add(path, 'is no file that hosts read; leave it out, since it is written for the addon');
    return;
  }
  if (present) {
    for (const { key, value, line } of assignments(textOf(present, spool))) {
      const wanted = fields.get(key);
      if (wanted === undefined && !compared.has(key)) rest.push(line);
      else if (wanted !== value)
        refusals.add(path, `says ${line.slice(0, 200)}, and the variant ${said(key, wanted)}; correct one of them`);
    }
  }
  const lines = [...[...fields].map(([key, value]) => `${key}=${value}`), ...rest];
  const content = spool.addBytes(Buffer.from(`${lines.join('\n')}\n`));
  parent.children.set(name, { node: { kind: 'file', mode: fileMode, content }, layer: 0 });
}

/** What decides whether a host takes the image. */
const compared: ReadonlySet<string> = new Set(['ID', 'VERSION_ID', 'SYSEXT_LEVEL', 'ARCHITECTURE']);

function said(key: string, wanted: string | undefined): string {
  return wanted === undefined ? `has no ${key}` : `is for ${key}=${wanted}`;
}

/** Undefined, and noted, where something else is in the way. */
function makeDirectories(root: Directory, refusals: RefusalList): Directory | undefined {
  let at = root;
  let path = '';
  for (const name of segmentsOf(directory)) {
    path += `/${name}`;
    const entry = at.children.get(name) ?? { node: newDirectory(), layer: 0 };
    if (entry.node.kind !== 'directory') {
      // What is wrong with these two is said of them already.
      if (path !== '/usr' && path !== '/usr/lib') refusals.add(path, 'is no directory, and hosts have one there');
      return undefined;
    }
    at.children.set(name, entry);
    at = entry.node;
  }
  return at;
}

function textOf({ content }: RegularFile, spool: Spool): string {
  if (!content) return '';
  const bytes = Buffer.alloc(content.size);
  spool.read(content, 0, bytes);
  return bytes.toString('utf8');
}

interface Assignment {
  key: string;
  value: string;
  /** As it is written. */
  line: string;
}

/** Shell-like assignments without expansion, as os-release(5) has them; comments and empty lines are none. */
function assignments(text: string): Assignment[] {
  return text.split('\n').flatMap(each => {
    const line = each.trim();
    const [, key, raw] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    return key === undefined || raw === undefined ? [] : [{ key, value: unquoted(raw), line }];
  });
}

function unquoted(raw: string): string {
  const [, inside] = /^(?:"(.*)"|'.*')$/.exec(raw) ?? [];
  if (inside !== undefined) return inside.replace(/\\(["\\$`])/g, '$1');
  return raw.startsWith("'") && raw.endsWith("'") && raw.length > 1 ? raw.slice(1, -1) : raw;
}

function invalid(why: string): StallingError {
  return new StallingError('InvalidMatch' satisfies AddonReason, why);
}
