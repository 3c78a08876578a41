/** What of V8's compilers a program that mostly waits does without. */
import { setFlagsFromString } from 'node:v8';

/** WebAssembly, of which there is the HTTP parser, is compiled once, and not once more to run faster. */
const compiledOnce = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/** An agent does so little that nothing of it gets worth compiling. Without the compilers, and what they keep about the code, it has 17 MB less. */
const interpreted = ['--no-opt', '--no-maglev', '--no-sparkplug', '--max-lazy'];

/**
 * Saves memory, on every node that of an agent. To be called before anything else is loaded; the flags are not among those that
 * NODE_OPTIONS takes, and on the command line every pod's specification would have to name them.
 */
export function saveMemory(command: 'controller' | 'agent'): void {
  for (const flag of command === 'agent' ? [...compiledOnce, ...interpreted] : compiledOnce) setFlagsFromString(flag);
}
