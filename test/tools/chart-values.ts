/** The chart's values with the comments that say what each is for, and the README that is made of them. */
import { isMap, isPair, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';

export interface ChartValue {
  /** Such as `image.tag`. */
  path: string;
  default: unknown;
  description: string;
}

/**
 * The values of a values.yaml in its order: every key with a comment that begins with `# -- `, and nothing below it.
 * @throws Error naming a key that has no such comment, neither itself nor all below it.
 */
export function chartValues(text: string): ChartValue[] {
  const document = parseDocument(text);
  if (!isMap(document.contents)) throw new Error('values.yaml is no map');
  return valuesBelow(document.contents, '');
}

function valuesBelow(map: YAMLMap, prefix: string): ChartValue[] {
  return map.items.flatMap((pair, index) => {
    const key = keyOf(pair);
    const path = prefix + key;
    const description = descriptionOf(pair, index === 0 ? map.commentBefore : undefined);
    if (description !== undefined) return [{ path, default: jsOf(pair.value), description }];
    if (isMap(pair.value) && pair.value.items.length > 0) return valuesBelow(pair.value, `${path}.`);
    throw new Error(`values.yaml: ${path} has no comment that begins with "# -- "`);
  });
}

function keyOf(pair: Pair): string {
  if (!isPair(pair) || !isScalar(pair.key)) throw new Error('values.yaml has a key that is no word');
  return String(pair.key.value);
}

/** The comment of a map's first key belongs to the map, for the parser. */
function descriptionOf({ key }: Pair, ofMap: string | null | undefined): string | undefined {
  const comment = (isScalar(key) ? key.commentBefore : undefined) ?? ofMap ?? '';
  const at = comment.indexOf(' -- ');
  if (at < 0) return undefined;
  return comment.slice(at + 4).replaceAll(/\n ?/g, ' ');
}

function jsOf(value: unknown): unknown {
  return value !== null && typeof value === 'object' && 'toJSON' in value && typeof value.toJSON === 'function'
    ? (value.toJSON() as unknown)
    : value;
}

/** The page of the chart: what it is, and a table of its values. */
export function chartReference(chartYaml: string, valuesYaml: string): string {
  const chart = parseDocument(chartYaml).toJS() as { description: string; version: string; kubeVersion: string };
  const rows = chartValues(valuesYaml).map(
    ({ path, default: value, description }) =>
      `| \`${path}\` | ${code(JSON.stringify(value))} | ${description.replaceAll('|', '\\|')} |`,
  );
  return `<!-- Generated from Chart.yaml and values.yaml by \`npm run generate\`. Do not edit. -->

# scantling

${chart.description}. Version ${chart.version}, for Kubernetes \`${chart.kubeVersion}\`.

\`\`\`sh
helm install scantling charts/scantling --namespace scantling-system --create-namespace \\
  --set image.repository=registry.example.com/scantling --set builder.image.repository=registry.example.com/scantling-builder
helm test scantling --namespace scantling-system
\`\`\`

How to install, upgrade and remove it, and what each of its programs may do: [docs/install.md](../../docs/install.md). A key that is not in this
table is refused, by name.

## Values

| Value | Default | Meaning |
|---|---|---|
${rows.join('\n')}
`;
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
