/** The rules of names, kept while the policies are the same: their basis is a digest of keys and trusted roots, and is asked for with every pass. */
import type { ReadPolicy } from './read-policy.ts';
import type { GitAuthority, ImageAuthority, Rules } from './rules.ts';
import { rulesFor } from './select-rules.ts';

/** As many names as are kept of a subject. */
const most = 5_000;

export class KnownRules {
  #read: readonly ReadPolicy[] | undefined;
  readonly #image = new Map<string, Rules<ImageAuthority>>();
  readonly #git = new Map<string, Rules<GitAuthority>>();

  /** `read` is the same array as long as it has the same policies. */
  image(read: readonly ReadPolicy[], name: string): Rules<ImageAuthority> {
    return this.#of(read, name, this.#image, () => rulesFor(read, 'Image', name));
  }

  git(read: readonly ReadPolicy[], name: string): Rules<GitAuthority> {
    return this.#of(read, name, this.#git, () => rulesFor(read, 'Git', name));
  }

  #of<R>(read: readonly ReadPolicy[], name: string, kept: Map<string, R>, make: () => R): R {
    if (this.#read !== read) {
      this.#image.clear();
      this.#git.clear();
      this.#read = read;
    }
    const known = kept.get(name);
    if (known) return known;
    if (kept.size >= most) kept.clear();
    const rules = make();
    kept.set(name, rules);
    return rules;
  }
}
