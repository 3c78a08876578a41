/** What the demo says at its end: one document for programs, one table for people. */

export interface Statement {
  statement: string;
  holds: boolean;
  /** What was seen instead. */
  detail?: string;
}

export interface NodeReport {
  name: string;
  architecture: string;
  bootedDigest: string;
  bootID: string;
  /** Writes to the API server about this node in the step, events and evictions not counted. */
  writes: { controller: number; agent: number };
  evictions: number;
}

export interface StepReport {
  name: string;
  commit: string;
  /** What the pool's nodes run at the end of the step, as repository@digest. */
  image: string;
  imageDigest: string;
  seconds: number;
  buildsRun: number;
  /** Unavailable nodes at most, at any observed instant, and what the pool allows. */
  mostUnavailable: number;
  maxUnavailable: number;
  /** Available pods of the Deployment at least, and what its disruption budget asks for. */
  leastAvailablePods: number;
  minAvailablePods: number;
  /** Kubernetes events about single nodes. */
  nodeEvents: number;
  nodes: NodeReport[];
  statements: Statement[];
}

export interface DemoReport {
  ok: boolean;
  /** Why it ended early. */
  error?: string;
  seconds: number;
  steps: StepReport[];
}

/** Lines of a table with its columns aligned. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map(row => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)];
}

/** The chain that the demo is about, one line a node and step. */
export function chainTable(steps: readonly StepReport[]): string[] {
  const rows = steps.flatMap(step =>
    step.nodes.map(node => [
      step.name,
      short(step.commit),
      shortDigest(step.imageDigest),
      node.name,
      shortDigest(node.bootedDigest),
      node.bootID,
    ]),
  );
  return table(['STEP', 'COMMIT', 'IMAGE DIGEST', 'NODE', 'BOOTED DIGEST', 'BOOT ID'], rows);
}

/** First ten characters of a commit id. */
export function short(commit: string): string {
  return commit.slice(0, 10);
}

/** A digest with its first twelve hexadecimal digits. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}
