/** Text that strangers wrote, as it may be shown: pure. */

/** In one line, without what moves a terminal's cursor or turns the direction of writing, with one blank where there are several, and no longer than `most` characters. */
export function plainText(text: string, most: number): string {
  const plain = plainLine(text);
  return plain.length <= most ? plain : `${plain.slice(0, most - 1).toWellFormed()}…`;
}

/** As plainText, however long. */
export function plainLine(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD')
      // With many of them, also of those letters that are empty, a terminal's next line would begin as whoever wrote it likes.
      .replaceAll(/[\p{Zs}\u115F\u1160\u2800\u3164\uFFA0]+/gu, ' ')
  );
}

/** As plainText, for a text of our own with theirs in it, which may have several lines. */
export function plainLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map(line => `${/^ */.exec(line)?.[0] ?? ''}${plainLine(line.trimStart())}`)
    .join('\n');
}
