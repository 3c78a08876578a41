/** Columns for people: pure. */

export interface Column<Row> {
  title: string;
  of: (row: Row) => string;
  /** May be cut where the line does not fit; the last such column is cut first. */
  flexible?: boolean;
  paint?: (row: Row, text: string) => string;
}

const gap = '   ';
const leastFlexible = 12;

/** Lines with a head. With `width`, flexible columns are cut so that a line fits; what cannot fit is left to the terminal. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width?: number): string[] {
  const cells = rows.map(row => columns.map(c => oneLine(c.of(row))));
  const used = columns.map((_, i) => cells.some(line => line[i] !== ''));
  const widths = columns.map((c, i) => Math.max(c.title.length, ...cells.map(line => line[i]?.length ?? 0)));
  const shown = columns.map((_, i) => i).filter(i => used[i]);
  if (width !== undefined) squeeze(columns, widths, shown, width);
  const line = (texts: readonly string[], row?: Row): string =>
    shown
      .map((i, at) => {
        const [column, size] = [columns[i], widths[i] ?? 0];
        const text = cut(texts[i] ?? '', size);
        const padded = at === shown.length - 1 ? text : text.padEnd(size);
        return row !== undefined && column?.paint ? column.paint(row, padded) : padded;
      })
      .join(gap)
      .trimEnd();
  return [line(columns.map(c => c.title)), ...rows.map((row, i) => line(cells[i] ?? [], row))];
}

function squeeze<Row>(columns: readonly Column<Row>[], widths: number[], shown: readonly number[], width: number): void {
  let over = shown.reduce((sum, i) => sum + (widths[i] ?? 0), 0) + gap.length * Math.max(0, shown.length - 1) - width;
  for (const i of shown.toReversed()) {
    if (over <= 0) return;
    const size = widths[i] ?? 0;
    if (!columns[i]?.flexible) continue;
    const less = Math.min(over, Math.max(0, size - leastFlexible));
    widths[i] = size - less;
    over -= less;
  }
}

function cut(text: string, size: number): string {
  return text.length <= size ? text : `${text.slice(0, Math.max(0, size - 1)).toWellFormed()}…`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
