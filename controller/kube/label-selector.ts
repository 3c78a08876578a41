/** Label selectors as kubectl's -l takes them (apimachinery, pkg/labels/selector.go), for the objects that a process has in its caches. */

type Labels = Readonly<Record<string, string>>;

interface Requirement {
  key: string;
  /** Of the label's value; undefined where there is no such label. */
  holds: (value: string | undefined) => boolean;
}

/** A label's key, with or without a prefix, and a label's value. */
const keyPattern = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Returns whether a selector selects an object of these labels. Throws Error with what is wrong with it. An empty one selects all. */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = termsOf(text).map(requirementOf);
  return labels => requirements.every(({ key, holds }) => holds(Object.hasOwn(labels, key) ? labels[key] : undefined));
}

/** Whether a selector selects nothing that lacks the label. Throws like parseLabelSelector. */
export function requiresLabel(text: string, label: string): boolean {
  return termsOf(text)
    .map(requirementOf)
    .some(({ key, holds }) => key === label && !holds(undefined));
}

/** Split at the commas that are in no parentheses. */
function termsOf(text: string): string[] {
  if (text.trim() === '') return [];
  return text.split(/,(?![^(]*\))/).map(term => term.trim());
}

function requirementOf(term: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(term);
  if (set) {
    const values = new Set((set[3] ?? '').split(',').map(value => valueOf(value, term)));
    const wanted = set[2] === 'in';
    // As in Kubernetes, a label that is not there is not one of the values.
    return { key: keyOf(set[1], term), holds: value => (value !== undefined && values.has(value)) === wanted };
  }
  const equality = /^([^\s=!]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (equality) {
    const other = valueOf(equality[3] ?? '', term);
    const wanted = equality[2] !== '!=';
    return { key: keyOf(equality[1], term), holds: value => (value === other) === wanted };
  }
  const absent = /^!\s*(.*)$/.exec(term);
  if (absent) return { key: keyOf(absent[1], term), holds: value => value === undefined };
  return { key: keyOf(term, term), holds: value => value !== undefined };
}

function keyOf(key: string | undefined, term: string): string {
  if (key !== undefined && keyPattern.test(key)) return key;
  throw new Error(`"${term}" is no term of a label selector, such as shard=a, shard in (a, b), shard!=a, shard or !shard`);
}

function valueOf(text: string, term: string): string {
  const value = text.trim();
  if (valuePattern.test(value)) return value;
  throw new Error(`"${value}" in "${term}" is no value of a label`);
}
