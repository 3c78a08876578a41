/** The links of the chain that a host makes, told when they are remembered. */
import type { NodeTargetSpec, NodeTargetStatusVerdict } from '../api/node-target.ts';
import { recordLink } from '../telemetry/tracing.ts';
import { revisionOf, type Intent, type Memory } from './memory.ts';
import { digestOf, digestsOf } from './target.ts';

/** The target is staged. Begun in an earlier life, it began at the earliest when the target was given. */
export function traceStaged(o: { node: string; spec: NodeTargetSpec; startedAt: number | undefined; now: number }): void {
  const { node, spec, now } = o;
  const given = Date.parse(spec.since);
  const start = Math.min(now, o.startedAt ?? (Number.isNaN(given) ? now : given));
  const attributes = { pool: spec.poolRef.name, node, digest: digestOf(spec.image) };
  recordLink({ link: 'stage', revision: spec.revision, start, end: now, attributes });
}

/** A boot was judged. By now the target may be another, so the commit is that of what was to boot. */
export function traceBoot(o: {
  node: string;
  spec: NodeTargetSpec;
  memory: Memory;
  intent: Intent;
  verdict: NodeTargetStatusVerdict;
  now: number;
}): void {
  const { node, spec, memory, intent, verdict, now } = o;
  const present = digestsOf(spec).includes(intent.digest) ? spec.revision : undefined;
  const attributes = { pool: spec.poolRef.name, node, digest: intent.digest, verdict: verdict.type };
  recordLink({
    link: 'boot',
    revision: revisionOf(memory, intent.digest) ?? present,
    start: Math.min(now, intent.rebootAt ?? now),
    end: now,
    attributes,
    ...(verdict.type === 'Succeeded' ? {} : { error: verdict.message ?? verdict.type }),
  });
}
