/**
 * What /etc/os-release says of a system (pure), as os-release(5) has it. It comes from images and hosts that others make, so what a shell and systemd would read
 * differently is refused, not guessed at.
 */

export interface OsRelease {
  /** ID; `linux` where it is not said. */
  id: string;
  /** ID_LIKE, closest first. */
  idLike: readonly string[];
  versionId?: string;
  sysextLevel?: string;
}

/** A text that is no os-release; the message says in which line and why, without its content. */
export class OsReleaseError extends Error {}

/** Real ones have less than 1 KiB. */
const longest = 65_536;
/** Of ID_LIKE: what a status has room for. Real ones have three words. */
const longestLike = 256;

/**
 * Parses an os-release. A later line wins over an earlier one of the same name; lines that assign nothing are passed over. Throws OsReleaseError: for quotes that are not closed in their
 * line, continued lines and NUL, with which other lines would mean something else to others; for values of the four names that os-release(5) does not allow.
 */
export function parseOsRelease(text: string): OsRelease {
  if (text.length > longest) throw new OsReleaseError(`has ${text.length} characters, more than ${longest}`);
  const values = new Map<string, { value: string; line: number }>();
  text.split('\n').forEach((line, at) => {
    const assignment = parseLine(line, at + 1);
    if (assignment) values.set(assignment.name, { value: assignment.value, line: at + 1 });
  });
  const word = (name: string): string | undefined => {
    const found = values.get(name);
    if (!found || found.value === '') return undefined;
    return wordOf(name, found.value, found.line);
  };
  const like = values.get('ID_LIKE');
  const idLike = like ? like.value.split(/[ \t]+/).filter(part => part !== '') : [];
  if (idLike.join(' ').length > longestLike)
    throw new OsReleaseError(`line ${like?.line ?? 0}: ID_LIKE has more than ${longestLike} characters`);
  const versionId = word('VERSION_ID');
  const sysextLevel = word('SYSEXT_LEVEL');
  return {
    id: word('ID') ?? 'linux',
    idLike: idLike.map(part => wordOf('ID_LIKE', part, like?.line ?? 0)),
    ...(versionId === undefined ? {} : { versionId }),
    ...(sysextLevel === undefined ? {} : { sysextLevel }),
  };
}

function wordOf(name: string, value: string, line: number): string {
  if (value.length <= 64 && /^[a-z0-9._-]+$/.test(value)) return value;
  throw new OsReleaseError(
    `line ${line}: ${name} is not what os-release(5) allows: at most 64 lower-case letters, digits, ".", "_" and "-"`,
  );
}

function parseLine(line: string, number: number): { name: string; value: string } | undefined {
  const text = line.replace(/[ \t\r]+$/, '').replace(/^[ \t]+/, '');
  const refuse = (why: string): never => {
    throw new OsReleaseError(`line ${number}: ${why}`);
  };
  if (/[\0\uFEFF]/.test(text)) refuse('holds a character that no text has');
  if (text.includes('\r')) refuse('holds a carriage return, at which some begin another line');
  if (text.startsWith('#') || text.startsWith(';')) {
    if (text.endsWith('\\')) refuse('is a comment that some continue in the next line');
    return undefined;
  }
  const [, name, raw] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(text) ?? [];
  const value = unquoted(raw ?? text);
  if (value === undefined) return refuse('has quotation marks or a backslash that shells and systemd read differently');
  return name === undefined ? undefined : { name, value };
}

/** The value without its quotation marks; undefined when they are not one pair around all of it, or when a backslash is outside of them. */
function unquoted(raw: string): string | undefined {
  const [, double] = /^"((?:[^"\\]|\\.)*)"$/.exec(raw) ?? [];
  if (double !== undefined) return double.replaceAll(/\\(["$\\`])/g, '$1');
  const [, single] = /^'([^'\\]*)'$/.exec(raw) ?? [];
  return single ?? (/["'\\]/.test(raw) ? undefined : raw);
}
