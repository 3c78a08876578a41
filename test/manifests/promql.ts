/** What an expression of PromQL is about, by Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql';
import { metricTable } from '../../controller/telemetry/metrics.ts';

export interface Selector {
  /** As the expression has it, with the suffix of a histogram's series. */
  name: string;
  /** Labels that are matched. */
  labels: string[];
}

export interface Expression {
  selectors: Selector[];
  /** Labels of by, without, on and group_left. */
  grouping: string[];
  /** Pieces of text that the grammar has no place for. */
  errors: string[];
}

export function readExpression(text: string): Expression {
  const expression: Expression = { selectors: [], grouping: [], errors: [] };
  let inGrouping = false;
  parser.parse(text).iterate({
    enter(node) {
      const said = text.slice(node.from, node.to);
      if (node.type.isError) expression.errors.push(said || `at ${node.from}`);
      else if (node.name === 'VectorSelector') expression.selectors.push({ name: '', labels: [] });
      else if (node.name === 'GroupingLabels') inGrouping = true;
      else if (node.name === 'Identifier') {
        const selector = expression.selectors.at(-1);
        if (selector) selector.name = said;
      } else if (node.name === 'LabelName') {
        if (inGrouping) expression.grouping.push(said);
        else expression.selectors.at(-1)?.labels.push(said);
      }
    },
    leave(node) {
      if (node.name === 'GroupingLabels') inGrouping = false;
    },
  });
  return expression;
}

/** What Prometheus adds to every series when it scrapes. */
const targetLabels = ['instance', 'job', 'namespace', 'pod'];

/** The labels that a series of that name has; undefined when we have no such metric. */
export function labelsOfSeries(name: string): string[] | undefined {
  const [, base = '', suffix] = /^(.*?)(_bucket|_sum|_count)?$/.exec(name) ?? [];
  const plain = metricTable.find(m => m.name === name && m.type !== 'histogram');
  const histogram = metricTable.find(m => m.name === base && m.type === 'histogram' && suffix !== undefined);
  const entry = plain ?? histogram;
  return entry && [...entry.labels, ...(suffix === '_bucket' ? ['le'] : []), ...targetLabels];
}

/** What is wrong with an expression: its grammar, metrics that we do not have, labels that they do not have. */
export function faultsOf(text: string): string[] {
  const { selectors, grouping, errors } = readExpression(text);
  const known = new Set(selectors.flatMap(({ name }) => labelsOfSeries(name) ?? []));
  return [
    ...errors.map(error => `cannot be parsed: ${error}`),
    ...(selectors.length === 0 ? ['is about no metric'] : []),
    ...selectors.flatMap(({ name, labels }) => {
      const has = labelsOfSeries(name);
      if (!has) return [`there is no metric ${name}`];
      return labels.filter(label => !has.includes(label)).map(label => `${name} has no label ${label}`);
    }),
    ...grouping.filter(label => !known.has(label)).map(label => `no metric in it has the label ${label}`),
  ];
}
