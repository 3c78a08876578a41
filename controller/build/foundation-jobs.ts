/** Makes the Jobs that a build lacks, and counts those that it lost. */
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { BasePlatform } from './base.ts';
import type { Foundation } from './foundation-lookup.ts';
import type { FoundationServices, FoundationWork } from './foundations.ts';
import type { JobOutcome } from './job-outcome.ts';
import type { FoundationStep } from './next-step.ts';
import type { Findings } from './status.ts';
import type { RefusedJob } from './waited-for.ts';

type Running = Extract<JobOutcome, { kind: 'Running' }>;

/** The foundation of one platform, and what is known of it in this pass. */
export interface Wanted {
  platform: BasePlatform;
  key: string;
  found?: Foundation;
  outcome?: JobOutcome;
  /** Another build, whose Job makes the same. */
  other?: string;
}

/**
 * The Jobs that were made, each asked for whatever became of the others. The first that was refused for now is told where others are at work or
 * were lost, and thrown where there is nothing else to tell.
 * @throws what BuildInputs.check and BuildJobs.create throw.
 */
export async function makeJobs(
  { jobs, inputs }: Pick<FoundationServices, 'jobs' | 'inputs'>,
  { build, base, observed }: FoundationWork,
  wanted: readonly Wanted[],
  { create, running, resting }: FoundationStep,
): Promise<{ made: Running[]; refused?: RefusedJob }> {
  if (create.length === 0) return { made: [] };
  await inputs.check(build.spec);
  const attempt = (build.status?.attempts ?? 0) + 1;
  const made: Running[] = [];
  let refused: { platform: string; error: WaitingError | TransientError } | undefined;
  for (const { platform, lost, interruptions } of create) {
    const each = wanted.find(w => w.platform.platform === platform);
    if (!each || each.other !== undefined) continue;
    if (lost) await jobs.remove(observed.flatMap(({ job }) => (job.metadata.name === lost.job ? [job] : [])));
    const from = `${base.repository}@${each.platform.digest}`;
    try {
      const job = await jobs.create({ build, platform, key: each.key, base: from, attempt, interruptions });
      made.push({ kind: 'Running', platform, job: job.metadata.name, starting: true });
    } catch (error) {
      if (error instanceof WaitingError || error instanceof TransientError) {
        refused ??= { platform, error };
        continue;
      }
      // It is the end of the build, which nobody has told of these.
      if (error instanceof StallingError)
        await jobs.removeNamed(
          build,
          made.map(({ job }) => job),
        );
      throw error;
    }
  }
  if (!refused) return { made };
  if (running.length + made.length + resting.length === 0) throw refused.error;
  return { made, refused: { platform: refused.platform, message: refused.error.message } };
}

/** How many Jobs of its present attempt a build has lost, as its status says. */
export function countOf({ status }: ImageBuild, platform: string): number {
  return status?.interruptions?.find(each => each.platform === platform)?.count ?? 0;
}

/** What the status is to say of lost Jobs, with these; nothing new without them. */
export function counted(build: ImageBuild, lost: FoundationStep['resting']): Pick<Findings, 'interruptions'> {
  if (lost.length === 0) return {};
  const counts = new Map((build.status?.interruptions ?? []).map(({ platform, count }) => [platform, count]));
  for (const { platform, interruptions } of lost) counts.set(platform, Math.max(counts.get(platform) ?? 0, interruptions + 1));
  return { interruptions: [...counts].map(([platform, count]) => ({ platform, count })) };
}
