import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { quote } from './image-path.ts';
import type { Problems } from './problems.ts';

/** Labels that the build, bootc or ostree give a meaning to. */
const reserved = [
  /^containers\.bootc$/,
  /^ostree\./,
  /^dev\.scantling(\.|$)/,
  /^org\.opencontainers\.image\.(version|created|base\..*)$/,
];

export const reservedLabel = 'is set by Scantling or read by bootc; choose another label';

export function isReservedLabel(key: string): boolean {
  return reserved.some(pattern => pattern.test(key));
}

/** spec.labels, sorted by key. */
export function renderLabels(spec: SystemDefinitionSpec, problems: Problems): Record<string, string> {
  const labels = Object.entries(spec.labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, value] of labels) {
    const field = `spec.labels[${quote(key)}]`;
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/.test(key))
      problems.add(field, 'a label is made of letters, digits, ".", "_", "/" and "-"');
    else if (isReservedLabel(key)) problems.add(field, reservedLabel);
    if (/\p{Cc}/u.test(value)) problems.add(field, 'the value holds a control character');
  }
  return Object.fromEntries(labels);
}
