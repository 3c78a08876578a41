/** What a person may have meant: pure. */

/** The known word that the fewest slips of the hand (a letter too many, too few, wrong, or two swapped) make of the given one; undefined when none is near. */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  const most = given.length < 5 ? 1 : 2;
  const [best] = known
    .map(word => ({ word, slips: slipsBetween(given, word) }))
    .filter(({ slips }) => slips <= most)
    .toSorted((a, b) => a.slips - b.slips);
  return best?.word;
}

/** The words for it behind an error, or ''. */
export function meant(given: string, known: readonly string[]): string {
  const word = nearestWord(given, known);
  return word === undefined ? '' : `; did you mean ${word}?`;
}

/** The optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const wrong = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          (last[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (last[j - 1] ?? 0) + wrong,
          swapped ? (before[j - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? Infinity;
}
