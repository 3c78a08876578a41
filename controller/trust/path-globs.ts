/** Globs of paths in a repository: `*` and `?` within a name, `**` across directories. Pure. */
import { StallingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';
import { matchesWildcards } from './wildcard.ts';

/** Whether a path, relative to the repository, matches any of the globs. */
export function matchesGlobs(path: string, globs: readonly string[]): boolean {
  const names = path.split('/');
  return globs.some(glob => matchesNames(names, glob.split('/')));
}

/** @throws StallingError `InvalidKey` for globs that no path can match */
export function checkGlobs(globs: readonly string[]): void {
  for (const glob of globs) {
    if (glob.split('/').every(name => name !== '' && name !== '.' && name !== '..')) continue;
    const message = `paths: ${JSON.stringify(glob)} matches nothing; paths are relative to the repository, as systems/edge/**`;
    throw new StallingError('InvalidKey' satisfies PolicyReason, message);
  }
}

/** From the last part of the glob to the first: which ends of the path the rest of the glob matches. */
function matchesNames(names: readonly string[], glob: readonly string[]): boolean {
  const most = names.length;
  let matched = names.map(() => false).concat(true);
  for (const [index, part] of [...glob.entries()].toReversed()) {
    const before = matched;
    matched = before.map(() => false);
    for (let n = most; n >= 0; n--) {
      // At the end it is what a directory holds, and not a file of the directory's name.
      if (part === '**' && index === glob.length - 1) matched[n] = n < most;
      else if (part === '**') matched[n] = before[n] === true || matched[n + 1] === true;
      else matched[n] = n < most && before[n + 1] === true && matchesWildcards(names[n] ?? '', part);
    }
  }
  return matched[0] === true;
}
