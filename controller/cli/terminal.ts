/** What the place that a command writes to can show. */

export interface Terminal {
  /** Columns; undefined where nothing has to fit. */
  width?: number;
  color: boolean;
}

/** Colours only on terminals, and never with NO_COLOR (no-color.org) or TERM=dumb; a pipe gets every column whole. */
export function terminalOf(stdout: NodeJS.WritableStream, environment: NodeJS.ProcessEnv): Terminal {
  const { isTTY, columns } = stdout as { isTTY?: boolean; columns?: number };
  if (isTTY !== true) return { color: false };
  const color = !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  return { color, ...(columns !== undefined && columns > 0 ? { width: columns } : {}) };
}

const codes = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 } as const;
export type Paint = (style: keyof typeof codes, text: string) => string;

/** Paints text, or leaves it as it is. */
export function painter({ color }: Terminal): Paint {
  return (style, text) => (color && text !== '' ? `\u001B[${codes[style]}m${text}\u001B[0m` : text);
}
