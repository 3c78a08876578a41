/** What it costs to plan for a pool of 5,000 nodes: pure, and without a cluster. */
import type { AddonOffer } from '../../controller/addon/choice.ts';
import { addonsStatus } from '../../controller/rollout/addons-status.ts';
import { plan } from '../../controller/rollout/plan.ts';
import type { NodeTargetView, NodeView } from '../../controller/rollout/projection.ts';
import type { PoolState } from '../../controller/rollout/pool-state.ts';
import { wantedInSteps, type WantedFound } from '../../controller/rollout/wanted.ts';
import type { Measure } from './measure.ts';

const count = 5_000;
const rounds = 30;
/** Sets of a pool whose nodes are mostly alike. */
const few = 10;
/** Parsed, as all that comes from the API server is: a string that is put together anew has its first comparison to pay for as well. */
const digest = (n: number): string => String(JSON.parse(JSON.stringify(`sha256:${n.toString(16).padStart(64, '0')}`)));
const image = `registry.example/system@${digest(1)}`;
const before = `registry.example/system@${digest(2)}`;
const minute = 60_000;

export function measurePlanning(progress: (line: string) => void): Measure[] {
  const measures: Measure[] = [];
  for (const sets of [few, count]) {
    progress(`plans for ${count} nodes with ${sets} sets of addons`);
    const [finding, steps, planning, telling]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let i = 0; i < rounds; i++) {
      const found = wantedOf(sets, finding, steps);
      const state = stateOf(found);
      const { summary } = timed(planning, () => plan(state));
      const systems = new Map([['linux/amd64', system]]);
      timed(telling, () => addonsStatus({ asked: [], image, systems }, found, summary.holds));
    }
    // The quickest: what else runs on the machine only adds to it.
    const of = `for ${count} nodes, ${sets} sets of addons`;
    measures.push(
      { measure: `a plan ${of}`, value: Math.min(...planning), unit: 'ms', budget: 10 },
      {
        measure: `which addons nodes are to have, ${of}`,
        value: Math.min(...finding),
        unit: 'ms',
        ...(sets === few ? { budget: 10 } : {}),
      },
      {
        measure: `the longest step of that, after which others have their turn, ${of}`,
        value: Math.min(...steps),
        unit: 'ms',
        budget: 50,
      },
      { measure: `what the status says of them, ${of}`, value: Math.min(...telling), unit: 'ms', budget: 10 },
    );
  }
  return measures;
}

/** Adds the processor's time, ms: what else the machine does is not in it. */
function timed<T>(times: number[], work: () => T): T {
  const begun = process.threadCpuUsage();
  const result = work();
  const { user, system } = process.threadCpuUsage(begun);
  times.push((user + system) / 1000);
  return result;
}

const system = { os: { id: 'base', idLike: [], versionId: '1' }, profile: [] };
const names = Array.from({ length: count }, (_, i) => `node-${i}`);
const offers = new Map(
  names.map((_, i): [string, AddonOffer] => {
    const name = `addon-${i}`;
    const made = { image: `registry.example/${name}@${digest(i)}`, digest: digest(i), size: 4096, services: [], requires: {} };
    return [name, { name, variants: [{ platform: 'linux/amd64', os: { id: '_any' }, made }] }];
  }),
);

const compared = () => ({ problems: [], digest: digest(3) });

/** Each node asks for two addons by its annotation. */
function wantedOf(sets: number, times: number[], longest: number[]): WantedFound {
  const nodes = names.map((name, i) => ({
    name,
    labels: { 'kubernetes.io/arch': 'amd64' },
    addons: JSON.stringify([
      { name: 'runtime', addon: `addon-${i % sets}` },
      { name: 'tools', addon: `addon-${(i + 1) % sets}` },
    ]),
  }));
  const steps = wantedInSteps({ asked: [], mayAsk: false, nodes, offers, systemOf: () => system, compared });
  const own: number[] = [];
  for (;;) {
    const step = timed(own, () => steps.next());
    if (!step.done) continue;
    times.push(own.reduce((sum, ms) => sum + ms, 0));
    longest.push(Math.max(...own));
    return step.value;
  }
}

/** In the middle of a rollout: half of the nodes run the target, and the others have it staged. */
function stateOf({ wanted }: WantedFound): PoolState {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const view = { resourceVersion: '1' };
  const members = names.map((name, i) => {
    const { addons } = wanted.get(name) ?? {};
    const set = addons ? { set: addons.digest } : {};
    const done = i % 2 === 0;
    const node: NodeView = {
      name,
      uid: `uid-${i}`,
      ...view,
      ready: true,
      readySince: 0,
      unschedulable: false,
      bootID: 'boot',
      labels: {},
    };
    const nodeTarget: NodeTargetView = {
      name,
      uid: `target-${i}`,
      ...view,
      pool: 'workers',
      nodeUID: `uid-${i}`,
      deleting: false,
      finalizers: [],
      image,
      digests: [digest(1)],
      ...(addons ? { addons } : {}),
      state: 'Staged',
      since: now - minute,
      retried: [],
      host: {
        phase: done ? 'Idle' : 'Staged',
        bootID: 'boot',
        booted: done ? digest(1) : digest(2),
        ...(done
          ? set
          : { bootedImage: before, staged: { digest: digest(1), locked: true }, prepared: { image: digest(1), ...set } }),
        canMerge: true,
        canLock: true,
        reportedAt: now,
        failures: [],
      },
    };
    return { node, conflicts: [], nodeTarget, ...(addons ? { addons } : {}) };
  });
  return {
    pool: 'workers',
    now,
    target: { image, digests: [digest(1)] },
    maxUnavailable: '10%',
    maxStaging: 500,
    canary: 1,
    failureThreshold: 1,
    timeouts: { stage: 30 * minute, drain: 30 * minute, reboot: 15 * minute },
    drain: true,
    trust: { refused: [] },
    retry: false,
    members,
    refused: [],
    departed: [],
    drains: {},
  };
}
