/**
 * What texts of an archive say of torcx's own places, which there are none of any more: what has an equal in the addon is written anew, and of the rest it is
 * said where it stands. Pure.
 */

/** What was known to torcx, and where it is now. */
export interface Places {
  /** The image's name, as in /run/torcx/unpack/NAME. */
  image: string;
  /** Absolute path of what torcx unpacked there. */
  unpacked: string;
  /** Absolute path of what torcx linked into /run/torcx/bin. */
  bin: string;
}

export interface TextWarning {
  /** From 1, as in the archive's own file. */
  line: number;
  message: string;
}

/** All that a text can say of torcx begins with one of these; a file without them is not looked at. */
export const marks: readonly string[] = ['torcx', 'TORCX_'];

const left =
  /\/run\/torcx\b[\w/.-]*|\/run\/metadata\/torcx\b|\$?\{?TORCX_[A-Z_]+\}?|(?<![\w-])torcx\.target(?![\w.-])|\/(?:var\/lib|etc|usr\/share|usr\/share\/oem)\/torcx\b[\w/.-]*|\btorcx-generator\b/g;
/** Lists of units in a unit file (systemd.unit(5)) that may name torcx.target. */
const dependency = /^(\s*(?:After|Before|Requires|Requisite|Wants|BindsTo|PartOf|Upholds|WantedBy|RequiredBy)\s*=)(.*)$/;
const seal = /^\s*EnvironmentFile\s*=\s*-?\/run\/metadata\/torcx\s*$/;

/**
 * The text with torcx's places replaced. `isUnit`: a unit file, where what orders it behind torcx, or reads its seal, is left out: an addon's units are there
 * only when the addon is.
 */
export function translateText(text: string, places: Places, isUnit: boolean): { text: string; warnings: TextWarning[] } {
  const warnings: TextWarning[] = [];
  const lines = text.split('\n').map((line, i) => {
    const translated = translateLine(line, places, isUnit);
    if (isComment(translated)) return translated;
    for (const [found] of translated.matchAll(left)) warnings.push({ line: i + 1, message: whatIsLeft(found, places) });
    return translated;
  });
  return { text: lines.join('\n'), warnings };
}

function isComment(line: string): boolean {
  return /^\s*[#;]/.test(line) && !line.startsWith('#!');
}

function translateLine(line: string, places: Places, isUnit: boolean): string {
  if (isUnit && seal.test(line)) return `# ${line.trim()} (there is no torcx)`;
  const [, key, value] = (isUnit ? dependency.exec(line) : null) ?? [];
  if (key !== undefined && value !== undefined && /(^|\s)torcx\.target(\s|$)/.test(value)) {
    const names = value.split(/\s+/).filter(name => name !== '' && name !== 'torcx.target');
    // An empty value would clear what stood before.
    return names.length === 0 ? `# ${line.trim()} (there is no torcx)` : `${key}${names.join(' ')}`;
  }
  const image = escaped(places.image);
  const end = String.raw`(?![\w.-])`;
  return line
    .replaceAll(
      new RegExp(String.raw`(?:/run/torcx/unpack|\$\{TORCX_UNPACKDIR\}|\$TORCX_UNPACKDIR(?!\w))/+${image}${end}`, 'g'),
      () => places.unpacked,
    )
    .replaceAll(new RegExp(String.raw`/run/torcx/bin${end}|\$\{TORCX_BINDIR\}|\$TORCX_BINDIR(?!\w)`, 'g'), () => places.bin);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function whatIsLeft(found: string, { unpacked }: Places): string {
  if (found.startsWith('/run/torcx/unpack'))
    return `${found} is in the place of another image, or of all; this one is in ${unpacked}`;
  if (found === '/run/metadata/torcx')
    return `${found}, torcx's seal, is not there; what a node has merged is in /run/scantling/seal.json`;
  if (found.includes('TORCX_')) return `${found} has no value: it came from torcx's seal`;
  if (found === 'torcx.target') return `${found} is not there`;
  return `${found} is not there: there is no torcx`;
}
