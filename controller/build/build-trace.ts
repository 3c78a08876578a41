/** The links of the chain that a build makes, told once: when its success is written. */
import type { ImageBuild } from '../api/image-build.ts';
import { recordLink } from '../telemetry/tracing.ts';
import type { Findings } from './status.ts';

/** Start and end, epoch ms. A foundation that was there already took no time worth a word. */
export type BuildTimes = Partial<
  Record<'foundation' | 'assemble' | 'push' | 'attest' | 'sign' | 'judge', { start: number; end: number }>
>;

export function traceBuild(
  { metadata, spec }: ImageBuild,
  { image, times = {}, findings }: { image: { digest: string }; times?: BuildTimes; findings?: Findings },
): void {
  const build = { definition: spec.definitionRef.name, build: metadata.name };
  const builder = findings?.builder;
  const { revision } = spec;
  if (times.foundation)
    recordLink({ link: 'foundation', revision, ...times.foundation, attributes: { ...build, ...(builder ? { builder } : {}) } });
  for (const link of ['assemble', 'push', 'attest', 'sign', 'judge'] as const) {
    const time = times[link];
    if (time) recordLink({ link, revision, ...time, attributes: { ...build, digest: image.digest } });
  }
}
