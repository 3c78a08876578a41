/** One challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** Lower-case scheme, as `bearer`. */
  scheme: string;
  /** Parameters with lower-case names. */
  parameters: Record<string, string>;
}

/** Parses all challenges of a WWW-Authenticate header; what is not well formed ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.trim();
  while (rest !== '') {
    const scheme = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|$|(?=,))/.exec(rest);
    if (!scheme?.[1]) break;
    rest = rest.slice(scheme[0].length);
    const parameters: Record<string, string> = {};
    for (;;) {
      const parameter = /^[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/.exec(rest);
      if (!parameter?.[1]) break;
      parameters[parameter[1].toLowerCase()] = parameter[2]?.replace(/\\(.)/g, '$1') ?? parameter[3] ?? '';
      rest = rest.slice(parameter[0].length);
    }
    challenges.push({ scheme: scheme[1].toLowerCase(), parameters });
    rest = rest.replace(/^[\s,]+/, '');
  }
  return challenges;
}
