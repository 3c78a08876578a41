import { spawn } from 'node:child_process';

/** @param {readonly string[]} words */
function shortened(words) {
  const line = words.join(' ');
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}

/**
 * Runs a command and returns its standard output. `line` hears every line of its standard error.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, line?: (text: string) => void }} [options]
 * @returns {Promise<string>}
 * @throws {Error} with the end of what it said, when it cannot be run or fails
 */
export function runCommand(command, args, { cwd, env, line } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd ? { cwd } : {}), ...(env ? { env } : {}) });
    let out = '';
    let rest = '';
    /** @type {string[]} */
    const last = [];
    child.stdout.setEncoding('utf8').on('data', text => (out += text));
    child.stderr.setEncoding('utf8').on('data', text => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const each of lines) {
        last.push(each);
        if (last.length > 20) last.shift();
        line?.(each);
      }
    });
    child.once('error', error => reject(new Error(`${command} cannot be run: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else
        reject(
          new Error(
            `\`${shortened([command, ...args])}\` ended with ${signal ?? `exit code ${code}`}:\n${[...last, rest].join('\n').trim() || out.trim()}`,
          ),
        );
    });
  });
}

/**
 * Whether a command is there, by running it.
 * @param {string} command
 * @param {string} [argument]
 */
export async function has(command, argument = '--version') {
  try {
    await runCommand(command, [argument]);
    return true;
  } catch {
    return false; // not there, or there and broken: neither can be used
  }
}
