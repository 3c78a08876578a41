/** Ownership of a cordon: an annotation on the Node, written in the same patch as the cordon. */

export interface Cordon {
  /** The SystemPool that took the node away. */
  pool: string;
  /** When, epoch ms. */
  since: number;
  /** Digest of the target, image and addons together, that the node was taken away for. */
  target: string;
  /** Whether somebody else had cordoned the node before; then lifting ours leaves theirs. */
  wasUnschedulable: boolean;
}

/** The cordon that an annotation's value describes; undefined when there is none, or when Scantling did not write it. */
export function parseCordon(value: string | undefined): Cordon | undefined {
  if (value === undefined) return undefined;
  const fields = parseObject(value);
  if (!fields) return undefined;
  const { pool, since, target, wasUnschedulable } = fields;
  const sinceMs = typeof since === 'string' ? Date.parse(since) : Number.NaN;
  if (typeof pool !== 'string' || pool === '' || Number.isNaN(sinceMs)) return undefined;
  return {
    pool,
    since: sinceMs,
    target: typeof target === 'string' ? target : '',
    // In doubt the cordon stays: a node that is not used harms less than one that a person wanted to keep out of use.
    wasUnschedulable: wasUnschedulable !== false,
  };
}

/** The annotation's value. */
export function formatCordon(cordon: Cordon): string {
  const { pool, since, target, wasUnschedulable } = cordon;
  return JSON.stringify({ pool, since: new Date(since).toISOString(), target, wasUnschedulable });
}

/** The cordon of a node that is taken away now. */
export function newCordon(o: { pool: string; target: string; now: number; wasUnschedulable: boolean }): Cordon {
  return { pool: o.pool, since: o.now, target: o.target, wasUnschedulable: o.wasUnschedulable };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // Somebody else's text: then the cordon is not ours, which is the safe reading.
    return undefined;
  }
}
