/** One figure with what it may be at most. */
export interface Measure {
  measure: string;
  value: number;
  unit: string;
  /** Absent: for information. */
  budget?: number;
}

export interface JudgedMeasure extends Measure {
  ok: boolean;
}

/** Whether each figure keeps its budget. */
export function judge(measures: readonly Measure[]): JudgedMeasure[] {
  return measures.map(m => ({ ...m, ok: m.budget === undefined || m.value <= m.budget }));
}

/** The figures as a table for people. */
export function measureTable(measures: readonly JudgedMeasure[]): string[] {
  const cells = measures.map(m => [
    m.measure,
    `${round(m.value)} ${m.unit}`.trim(),
    m.budget === undefined ? '-' : `≤ ${m.budget} ${m.unit}`.trim(),
    m.budget === undefined ? '' : m.ok ? 'ok' : 'OVER',
  ]);
  const rows = [['MEASURE', 'VALUE', 'BUDGET', ''], ...cells];
  const widths = [0, 1, 2].map(i => Math.max(...rows.map(row => row[i]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Three significant digits are all that a measurement on a shared machine has. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
