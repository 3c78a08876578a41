/** What a pool's nodes should run, and whether trust allows it. */
import { messageOf, reasonOf, StallingError } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { StatusJudgement } from '../trust/judgement.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { imagesInUse } from './images-in-use.ts';
import type { Frozen, TrustState } from './pool-state.ts';
import { addonsOver, noAddons, type PoolAddons, setsOver } from './pool-addons.ts';
import type { AddonSet, SystemPoolView } from './projection.ts';
import { isRequested, recordedTarget, type ResolvedTarget, resolveTarget, targetStep } from './target.ts';
import { trustedTarget, type TrustedTarget } from './target-trust.ts';

export interface TargetFound extends TrustedTarget {
  /** What nodes are to run over the target. */
  addons: PoolAddons;
  /** What trust says of artifacts of addons, by their names. */
  artifacts: ReadonlyMap<string, StatusJudgement>;
  /** Why the target that is asked for is not known. */
  error?: unknown;
}

interface Sought {
  target?: ResolvedTarget;
  frozen?: Frozen;
  error?: unknown;
}

interface Scene {
  o: PoolDependencies;
  memory: PoolMemory;
  pool: SystemPoolView;
  log: Log;
}

/** Looks the target up where that is due, and judges it and all else that its nodes have to do with. */
export async function findTarget(scene: Scene): Promise<TargetFound> {
  const { target, ...sought } = await seek(scene);
  const { o, memory, pool } = scene;
  const before = recordedTarget(pool.status.target);
  const [asked, last] = [target?.image, before?.image];
  const ofAsked = await addonsOver(o, memory, pool, target ?? before);
  const ofLast = last === undefined || last === (asked ?? last) ? noAddons : await addonsOver(o, memory, pool, before);
  const judged = await judge(scene, target, setsOver(ofAsked, ofLast));
  const isLast = judged.target !== undefined && judged.target.image === last && last !== asked;
  return { ...sought, ...judged, addons: isLast && asked !== undefined ? ofLast : ofAsked };
}

/** What trust says of the images of a pool that is being deleted: nothing new is looked for. */
export async function judgeLeft(scene: Omit<Scene, 'log'>): Promise<TrustState> {
  return (await judge(scene, undefined, [])).trust;
}

async function judge(
  { o, memory, pool }: Omit<Scene, 'log'>,
  asked: ResolvedTarget | undefined,
  sets: readonly AddonSet[],
): Promise<TrustedTarget & Pick<TargetFound, 'artifacts'>> {
  const definition = o.stores.definitions.get(pool.spec.system.definitionRef?.name ?? '');
  const buildsOf = (digest: string) => o.stores.builds.byIndex('digest', digest);
  const images = imagesInUse({ pool, asked, definition, nodeTargets: memory.nodeTargets.list(), sets, buildsOf });
  const credentials = () => memory.pullSecrets.credentials(pool);
  const asking = { pool: pool.name, credentials, requestedAt: pool.requestedAt, again: isRequested(pool) };
  const verdicts = await memory.trust.judge(asking, images);
  const artifacts = images.flatMap(({ image, addon }) => {
    const record = addon && verdicts.get(image)?.record;
    return record ? [[image, record] as const] : [];
  });
  return { ...trustedTarget(pool, asked, { images, verdicts }), artifacts: new Map(artifacts) };
}

async function seek(scene: Scene): Promise<Sought> {
  const { o, pool } = scene;
  const suspended = pool.spec.suspend ? { frozen: { reason: 'Suspended', message: 'suspended' } } : {};
  const definition = pool.spec.system.definitionRef?.name;
  const step = targetStep(pool, definition === undefined ? undefined : o.stores.definitions.get(definition));
  if (step.kind === 'known') return { target: step.target, ...suspended };
  if (step.kind === 'waiting') {
    const frozen = { reason: step.reason, message: step.message };
    return { frozen, ...(step.last ? { target: step.last } : {}), ...suspended };
  }
  try {
    return { target: await lookUp(scene, step.image), ...suspended };
  } catch (error) {
    // The image that was asked for is not known: nothing starts, unless only its tag was to be looked up again.
    const frozen = step.until ? {} : { frozen: { reason: reasonOf(error), message: messageOf(error) } };
    return { error, ...(step.until ? { target: step.until } : {}), ...frozen, ...suspended };
  }
}

/** Asks the registry, unless it has failed for this very request a moment ago: drains that are under way do not wait for it. */
async function lookUp({ o, memory, pool, log }: Scene, image: string): Promise<ResolvedTarget> {
  const { lookUps } = memory;
  const { name, requestedAt = '' } = pool;
  const about = `${image} ${requestedAt}`;
  const open = lookUps.open(name, o.now());
  if (open.has(about)) throw open.get(about);
  lookUps.keep(name, [about]);
  try {
    const target = await resolveTarget(o.registry, image, await memory.pullSecrets.credentials(pool));
    lookUps.keep(name, []);
    return target;
  } catch (error) {
    log.warn({ reason: reasonOf(error), image }, `the target could not be looked up: ${messageOf(error)}`);
    if (!(error instanceof StallingError)) lookUps.add(name, about, error, o.now());
    throw error;
  }
}
