import { StallingError } from '../api/errors.ts';
import type { DefinitionReason } from './reasons.ts';

/** What is wrong with a definition, each with the field it was found at, so that one pass tells all of it. */
export interface Problems {
  add(field: string, message: string): void;
  /** @throws StallingError with every problem so far, if there is one. `document` is the path of the document in its repository. */
  check(document: string | undefined): void;
}

/** A message names this many problems and counts the rest. */
const named = 10;

/** An empty list of problems whose check throws with `reason`. */
export function collectProblems(reason: DefinitionReason): Problems {
  const found: string[] = [];
  return {
    add: (field, message) => found.push(`${field}: ${message}`),
    check: document => {
      if (found.length === 0) return;
      const rest = found.length > named ? `; and ${found.length - named} more` : '';
      const prefix = document ? `${document}: ` : '';
      throw new StallingError(reason, `${prefix}${found.slice(0, named).join('; ')}${rest}`);
    },
  };
}
