/** The text that Prometheus scrapes, read. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name = '', inner = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
      const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', said = '']) => [key, said]);
      return { name, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(value) };
    });
}

/** How many label sets a metric has; those of a histogram's buckets are one. */
export function labelSets(samples: readonly Sample[], metric: { name: string; type: string }): string[] {
  const { name, type } = metric;
  const own = samples.filter(s => s.name === (type === 'histogram' ? `${name}_count` : name));
  return own.map(({ labels }) => JSON.stringify(labels));
}
