/** One thing that the program needs of its surroundings and does not find. */
export interface Finding {
  /** The same as long as it is the same trouble. */
  key: string;
  /**
   * Blocking: nothing works without it, so the process is not ready and does not begin. Unreachable: the same, and nothing else could be looked
   * at. Warning: what needs it says so itself.
   */
  severity: 'blocking' | 'unreachable' | 'warning';
  /** One line: what is wrong, where, and what to do. */
  message: string;
}

/** The key of the trouble that the API server does not answer, or answers that it cannot. */
export const noAnswer = 'api-server';

/** The first few of a list, and how many more there are. */
export function some(items: readonly string[], most: number): string {
  return items.length <= most ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}
