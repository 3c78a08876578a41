/**
 * Flags that were given to npm instead of the program: `npm run demo --helm`. npm takes them for settings of its own and leaves them in the
 * environment, and .npmrc keeps its warning from being seen.
 */

/**
 * Throws when npm has taken one of the program's flags.
 * @throws Error that says how it is written
 */
export function refuseFlagsOfNpm(flags: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const script = env['npm_lifecycle_event'];
  if (script === undefined) return;
  const taken = flags.filter(flag => env[`npm_config_${flag.replaceAll('-', '_')}`]);
  if (taken.length === 0) return;
  const words = taken.map(flag => `--${flag}`).join(' ');
  throw new Error(`npm has taken ${words} for itself; write npm run ${script} -- ${words}`);
}
