/** A step as one can read it in a message: a package step is hundreds of characters long, and status.failure.step has them all. */

const maxLength = 60;

/** One line, cut at a blank where there is one to cut at. */
export function shortStep(step: string): string {
  const line = step.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= maxLength) return line;
  const cut = line.slice(0, maxLength - 1);
  const blank = cut.lastIndexOf(' ');
  return `${(blank > maxLength / 2 ? cut.slice(0, blank) : cut).toWellFormed()}…`;
}
