/** What a metric is, and the table of all of them. The metrics themselves are in metrics.ts. */
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

export const registry = new Registry();

/** What series grow with: numbers of things that exist, or that were asked since the start. */
export interface Extents {
  /** The controllers of the runtime: source, definition, addon, build, retention, pool, trust, discovery. */
  controllers: number;
  /** Kinds that are watched. */
  resources: number;
  sources: number;
  definitions: number;
  addons: number;
  pools: number;
  /** Hosts of Git servers, and of registries with their mirrors, that were asked since the start. */
  gitHosts: number;
  registries: number;
  /** Versions of agents that report. */
  versions: number;
  /** Secrets with certificates that were read since the start. */
  secrets: number;
  policies: number;
  /** Of all policies together. */
  authorities: number;
}

/** How many label sets a metric has at most: the product. `sources+1`: one for each source, and one for what is about none. */
export type Bound = readonly (number | keyof Extents | `${keyof Extents}+1`)[];

export interface MetricEntry {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  labels: readonly string[];
  bound: Bound;
  help: string;
}

/** Filled as metrics are made; metrics.ts has it whole. */
export const entries: MetricEntry[] = [];

/** The bound in figures. */
export function mostSeries(bound: Bound, extents: Extents): number {
  const factors = bound.map(factor => {
    if (typeof factor === 'number') return factor;
    const [name = '', one] = factor.split('+');
    return extents[name as keyof Extents] + (one === undefined ? 0 : 1);
  });
  return factors.reduce((product, factor) => product * factor, 1);
}

/** What its values count. Names say it, as Prometheus asks for. */
export function unitOf({ name }: Pick<MetricEntry, 'name'>): string {
  if (name.endsWith('_timestamp_seconds') || name === 'process_start_time_seconds') return 'Unix time, seconds';
  if (/_seconds(_total)?$/.test(name)) return 'seconds';
  if (/_bytes(_total)?$/.test(name)) return 'bytes';
  return '';
}

export function counter<L extends string = never>(
  name: string,
  help: string,
  labelNames: L[] = [],
  bound: Bound = [],
): Counter<L> {
  entries.push({ name, type: 'counter', labels: labelNames, bound, help });
  return new Counter({ name, help, labelNames, registers: [registry] });
}

export function gauge<L extends string = never>(name: string, help: string, labelNames: L[] = [], bound: Bound = []): Gauge<L> {
  entries.push({ name, type: 'gauge', labels: labelNames, bound, help });
  return new Gauge({ name, help, labelNames, registers: [registry] });
}

export function histogram<L extends string = never>(
  name: string,
  help: string,
  labels: { names: L[]; bound: Bound },
  buckets: number[],
): Histogram<L> {
  entries.push({ name, type: 'histogram', labels: labels.names, bound: labels.bound, help });
  return new Histogram({ name, help, labelNames: labels.names, buckets, registers: [registry] });
}

/** What brings gauges up to date that are read from stores: nothing is kept for them, so nothing of what is deleted stays. */
const collectors = new Set<() => void>();

/** Calls `collect` before each scrape. Returns the function that ends it. */
export function beforeScrape(collect: () => void): () => void {
  collectors.add(collect);
  return () => collectors.delete(collect);
}

/** The text of a scrape. Throws what a collector throws. */
export async function scrape(): Promise<string> {
  for (const collect of collectors) collect();
  return registry.metrics();
}
