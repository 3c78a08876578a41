/** `.containerignore` and `.dockerignore`, as buildah reads them (moby/patternmatcher): what COPY and ADD do not see. */
import { type Glob, globMatches, parseGlob } from './glob.ts';
import { joinPath } from './repository-path.ts';

/** In the order in which they are looked for. The first that is there counts. */
export const ignoreFiles = ['.containerignore', '.dockerignore'] as const;

/** Each entry is held against each pattern. */
const maxPatterns = 500;

/** Whether a path, relative to the build context, is left out. */
export type Ignores = (path: string) => boolean;

/** The rules of an ignore file, or why it cannot be read. */
export function parseIgnoreFile(text: string): Ignores | { line: number; message: string } {
  const rules: { glob: Glob; keep: boolean }[] = [];
  for (const [i, raw] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (raw.startsWith('#')) continue;
    const line = raw.trim();
    const keep = line.startsWith('!');
    if (line === '!') return { line: i + 1, message: '"!" names nothing' };
    const pattern = joinPath('', keep ? line.slice(1).trim() : line);
    if (pattern === undefined || pattern === '') continue;
    const glob = parseGlob(pattern);
    if (!glob) return { line: i + 1, message: `${JSON.stringify(line)} is not a pattern: a "[" or "\\" without its end` };
    rules.push({ glob, keep });
    if (rules.length > maxPatterns) return { line: i + 1, message: `more than ${maxPatterns} patterns` };
  }
  return path => {
    const upTo = parents(path);
    let ignored = false;
    for (const { glob, keep } of rules) {
      if (ignored === keep && upTo.some(parent => globMatches(glob, parent))) ignored = !keep;
    }
    return ignored;
  };
}

/** The path itself and the directories above it: a pattern that matches a directory matches all in it. */
function parents(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}
