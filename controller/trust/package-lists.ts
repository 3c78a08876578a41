/** What the databases of dpkg and apk say is installed, and os-release of the system: pure, but that it lets others have their turn while it reads what is large. */
import { setImmediate } from 'node:timers/promises';
import { ownText } from './own-text.ts';

export interface Package {
  /** As in package URLs (github.com/package-url/purl-spec). */
  type: 'deb' | 'apk' | 'rpm';
  name: string;
  version: string;
  architecture?: string;
  /** Of rpm, where it is not 0. */
  epoch?: string;
}

const maxText = 256;
/** Of a line; no field that is asked for is longer. */
const maxLineBytes = 1024;
/** Between two turns of others. */
const bytesAtOnce = 256 * 1024;

/** dpkg's status file, or one of those in status.d: those that are installed, at most so many. */
export async function dpkgPackages(bytes: Buffer, most: number): Promise<Package[]> {
  const found: Package[] = [];
  for await (const fields of paragraphs(bytes, dpkgField)) {
    if (found.length >= most) break;
    const status = fields.get('status');
    // Files in status.d, of images without dpkg, name no status.
    if (status !== undefined && !status.endsWith(' installed')) continue;
    const of = { name: fields.get('package'), version: fields.get('version'), arch: fields.get('architecture') };
    const made = packageOf('deb', of);
    if (made) found.push(made);
  }
  return found;
}

/** Field names are without case; lines that begin with a blank go on with the one before. */
function dpkgField(line: string): [string, string] | undefined {
  const [, name, value] = /^(package|version|architecture|status):([^]*)$/i.exec(line) ?? [];
  return name === undefined || value === undefined ? undefined : [name.toLowerCase(), value.trim()];
}

/** apk's installed file: letters for fields, a blank line behind each package. At most so many are given. */
export async function apkPackages(bytes: Buffer, most: number): Promise<Package[]> {
  const found: Package[] = [];
  for await (const fields of paragraphs(bytes, apkField)) {
    if (found.length >= most) break;
    const made = packageOf('apk', { name: fields.get('P'), version: fields.get('V'), arch: fields.get('A') });
    if (made) found.push(made);
  }
  return found;
}

function apkField(line: string): [string, string] | undefined {
  return /^[PVA]:/.test(line) ? [line.slice(0, 1), line.slice(2)] : undefined;
}

/** The fields that are asked for, of each part of a text that has any; parts end at a blank line. The text is never in memory as one. */
async function* paragraphs(
  bytes: Buffer,
  fieldOf: (line: string) => [string, string] | undefined,
): AsyncGenerator<ReadonlyMap<string, string>, undefined> {
  let fields = new Map<string, string>();
  let turn = bytesAtOnce;
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline === -1 ? bytes.length : newline;
    const line = bytes.toString('utf8', at, Math.min(end, at + maxLineBytes));
    at = end + 1;
    if (line.trim() !== '') {
      const field = fieldOf(line);
      if (field) fields.set(...field);
    } else if (fields.size > 0) {
      yield fields;
      fields = new Map();
    }
    if (at < turn) continue;
    await setImmediate();
    turn = at + bytesAtOnce;
  }
  if (fields.size > 0) yield fields;
  return undefined;
}

/** Undefined without a name or a version: it could be compared with nothing. */
export function packageOf(
  type: Package['type'],
  { name, version, arch }: { name: string | undefined; version: string | undefined; arch: string | undefined },
): Package | undefined {
  if (!name || !version) return undefined;
  const made: Package = { type, name: ownText(name, maxText), version: ownText(version, maxText) };
  return arch ? { ...made, architecture: ownText(arch, maxText) } : made;
}

export interface Distribution {
  /** As `debian`. */
  id: string;
  /** As `13`; rolling ones have none. */
  version?: string;
}

/** os-release(5), as far as package URLs need it. */
export function distributionOf(text: string): Distribution | undefined {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z_]+)=(?:"([^"\\]*)"|'[^']*'|[^\s"']*)\s*$/.test(line)
      ? (/^([A-Z_]+)=["']?([^"'\\]*)["']?\s*$/.exec(line) ?? [])
      : [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const id = values.get('ID');
  const version = values.get('VERSION_ID');
  if (!id) return undefined;
  return { id: ownText(id, maxText), ...(version ? { version: ownText(version, maxText) } : {}) };
}
