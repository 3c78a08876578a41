/** What the set-up says while it works: on standard error, because standard output belongs to the program that follows. */

/** @param {string} line */
export function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

/**
 * A length of time, for people.
 * @param {number} ms
 */
export function seconds(ms) {
  const s = Math.round(ms / 1_000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

/**
 * Says that something begins, how it stands every five seconds, and that it is done.
 * @template T
 * @param {string} what
 * @param {(detail: (text: string) => void) => Promise<T>} work told how to say where it stands
 * @returns {Promise<T>}
 */
export async function withProgress(what, work) {
  const start = Date.now();
  let detail = '';
  say(what);
  const timer = setInterval(() => say(`  ${what}: ${seconds(Date.now() - start)}${detail && `, ${detail}`}`), 5_000);
  try {
    const result = await work(text => (detail = text));
    say(`  ${what}: done in ${seconds(Date.now() - start)}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** A failure that a person must do something about: its message is all they need. */
export class SetupError extends Error {}
