/** What runs the steps of a foundation, as an ImageBuild names it. */
export type BuilderName = 'Job' | 'Process';

const names: Readonly<Record<string, BuilderName>> = { job: 'Job', process: 'Process' };

/**
 * The names in the flag --builders, in its order; the first is used unless a definition asks for another.
 * @throws Error for a name that is none: the controller does not start.
 */
export function builderNames(flag: readonly string[]): BuilderName[] {
  return flag.map(text => {
    const name = names[text];
    if (name === undefined) throw new Error(`--builders lists job and process, not "${text}"`);
    return name;
  });
}
