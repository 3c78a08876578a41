/** Patterns of Go's path/filepath.Match, which COPY and ignore files use: `*`, `?`, `[a-z]`, `[^a]`, `\x`, and `**` for any directories. */

type Token = { star: true } | { star: false; fits: (char: string) => boolean };
type Segment = Token[] | '**';

/** Segments of a pattern without `.` and `..`. */
export type Glob = readonly Segment[];

/** The pattern in parts, or undefined when it is malformed: a `[` without its end. */
export function parseGlob(pattern: string): Glob | undefined {
  const segments: Segment[] = [];
  for (const segment of pattern.split('/')) {
    if (segment === '**') segments.push('**');
    else {
      const tokens = parseSegment(Array.from(segment));
      if (!tokens) return undefined;
      segments.push(tokens);
    }
  }
  return segments;
}

export function isGlob(path: string): boolean {
  return /[*?[\\]/.test(path);
}

export function globMatches(glob: Glob, path: string): boolean {
  return matches(
    glob,
    path.split('/'),
    segment => segment === '**',
    (segment, name) => segment !== '**' && segmentMatches(segment, name),
  );
}

function segmentMatches(tokens: readonly Token[], name: string): boolean {
  return matches(
    tokens,
    Array.from(name),
    token => token.star,
    (token, char) => !token.star && token.fits(char),
  );
}

/** Goes back to the last star only, so the time is at most the product of the lengths. */
function matches<P, I>(
  pattern: readonly P[],
  items: readonly I[],
  isStar: (part: P) => boolean,
  fits: (part: P, item: I) => boolean,
): boolean {
  let [at, star, mark] = [0, -1, 0];
  for (let i = 0; i < items.length;) {
    const part = pattern[at];
    const item = items[i] as I;
    if (part !== undefined && isStar(part)) {
      star = at++;
      mark = i;
    } else if (part !== undefined && fits(part, item)) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++mark;
    } else return false;
  }
  return pattern.slice(at).every(isStar);
}

function parseSegment(chars: readonly string[]): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at];
    if (char === '*') tokens.push({ star: true });
    else if (char === '?') tokens.push({ star: false, fits: () => true });
    else if (char === '[') {
      const end = parseClass(chars, at, tokens);
      if (end === undefined) return undefined;
      at = end;
    } else {
      const literal = char === '\\' ? chars[++at] : char;
      if (literal === undefined) return undefined;
      tokens.push({ star: false, fits: other => other === literal });
    }
  }
  return tokens;
}

/** Adds the class that starts at `start`; the place of its `]`. */
function parseClass(chars: readonly string[], start: number, tokens: Token[]): number | undefined {
  let at = start + 1;
  const negated = chars[at] === '^';
  if (negated) at++;
  const ranges: [string, string][] = [];
  const take = (): string | undefined => {
    const char = chars[at++];
    if (char === '\\') return chars[at++];
    return char === '-' || char === ']' ? undefined : char;
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = take();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (chars[at] === '-') {
      at++;
      high = take();
    }
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  tokens.push({ star: false, fits: char => ranges.some(([low, high]) => low <= char && char <= high) !== negated });
  return at;
}
