/**
 * Here-documents. buildah knows them since 1.33, and each version finds them by other rules; an older one takes their lines for
 * instructions. So they are taken out of the text before buildah sees it: what starts one is decided here, once.
 */

export interface Announcement {
  name: string;
  /** `<<-`: tabs at the start of its lines do not count. */
  chomp: boolean;
  /** The instruction says nothing else. */
  alone: boolean;
}

export interface HereDocument extends Announcement {
  /** Its lines, each with its end. */
  content: string;
}

const start = /\d*<<(-?)[\t ]*(?:"([\w.-]+)"|'([\w.-]+)'|([A-Za-z_][\w.-]*))(?=$|[\s)|&;<>])/y;

/**
 * The here-documents that a line of the shell form announces: words that begin with `<<`, outside of quotes. A line whose quotes do not end
 * has none (buildkit, frontend/dockerfile/shell/lex.go).
 */
export function announcedDocuments(line: string): Announcement[] {
  const documents: Announcement[] = [];
  let inWord = false;
  for (let at = 0; at < line.length;) {
    const char = line.charAt(at);
    start.lastIndex = at;
    const match = inWord ? null : start.exec(line);
    if (match) {
      const [whole, dash, ...names] = match;
      documents.push({ name: names.find(name => name !== undefined) ?? '', chomp: dash === '-', alone: whole === line });
      at = start.lastIndex;
      inWord = false;
      continue;
    }
    if (char === '\\') at += 2;
    else if (char === '"' || char === "'") {
      const end = endOfQuote(line, at);
      if (end === undefined) return [];
      at = end;
    } else at += 1;
    inWord = !/[\s|&;(]/.test(char);
  }
  return documents;
}

function endOfQuote(line: string, at: number): number | undefined {
  const quote = line.charAt(at);
  for (let end = at + 1; end < line.length; end++) {
    const char = line.charAt(end);
    if (char === quote) return end + 1;
    if (char === '\\' && quote === '"') end++;
  }
  return undefined;
}

/**
 * The arguments of the exec form of RUN that do what its shell form with here-documents does: one that stands alone is the script itself, by
 * the program of its `#!` line if it has one; others are for the shell.
 */
export function execForm(command: string, documents: readonly HereDocument[]): string[] {
  const [first] = documents;
  if (!first?.alone) {
    const bodies = documents.map(({ name, content }) => `\n${content}${name}`);
    return ['/bin/sh', '-c', [command, ...bodies].join('')];
  }
  const script = first.chomp ? first.content.replace(/^\t+/gm, '') : first.content;
  if (!script.startsWith('#!')) return ['/bin/sh', '-c', script];
  const run = 'f=$(mktemp) && printf %s "$1" >"$f" && chmod 700 "$f" && "$f"; s=$?; rm -f "$f"; exit $s';
  return ['/bin/sh', '-c', run, 'sh', script];
}
