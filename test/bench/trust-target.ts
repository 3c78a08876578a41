/**
 * What trust adds to the time from the push of an image to a pool's target, on a real API server and registry: signing, reading back and judging at the
 * build, and judging at the pool. What lies between, the writes of the build's and the definition's status, is the same without policies.
 */
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { Seal } from '../../controller/build/seal.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import type { SigningKey } from '../../controller/trust/signing-key.ts';
import { startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { Cluster, until } from '../rollout/cluster.ts';
import { startTrust } from '../trust/composed-trust.ts';
import { keyAuthority } from '../trust/policy-scene.ts';
import { newSigningKey } from '../trust/signing-scene.ts';
import { pushBelow, pushBuilt, type Below } from './built-image.ts';
import { median, type Measure } from './measure.ts';
import { debianLayer } from './package-layers.ts';

const images = 9;
/** From the push to the target, all of it together. */
const addedBudgetMs = 500;
const apiVersion = 'scantling.dev/v1alpha1';

export async function measureTarget(progress: (line: string) => void): Promise<Measure[]> {
  progress('a control plane, for the time from a push to a target');
  const server = await startRegistry();
  const cluster = await Cluster.start();
  const registry = clientOf(server.host);
  const transport = new Transport({
    kubeConfig: loadKubeConfig(cluster.controllerKubeconfig()),
    userAgent: 'scantling-controller',
  });
  const judging = await startTrust({ transport, registry, log: createLog('silent') });
  try {
    cluster.insecureHosts.add(server.host);
    cluster.trust = judging.trust;
    await cluster.startController();
    const seal = new Seal({ registry, ...judging, origins: { of: async () => undefined }, now: Date.now });
    const below = await pushBelow(registry, server.host, debianLayer());
    const free = await timesToTarget({ cluster, seal, below, first: 0, keys: [] });
    const key = await newSigningKey();
    const spec = { scope: { prefix: `${server.host}/built` }, authorities: [keyAuthority('release', key.publicKey)] };
    await cluster.admin.apply(
      trustpolicies,
      { apiVersion, kind: 'TrustPolicy', metadata: { name: 'os' }, spec },
      { fieldManager: 'bench' },
    );
    await until(async () => {
      const { status } = await cluster.pool('bench');
      // It is not signed: that it is refused shows that the policy counts.
      if (status?.target?.trust?.decision !== 'Refused') throw new Error(`judged as ${status?.target?.trust?.decision}`);
    });
    const judged = await timesToTarget({ cluster, seal, below, first: images + 1, keys: [key] });
    return [
      {
        measure: `from the push to the pool's target, nothing configured (median of ${images})`,
        value: median(free),
        unit: 'ms',
      },
      { measure: 'with a policy, signed and judged', value: median(judged), unit: 'ms' },
      { measure: 'that is added', value: Math.max(0, median(judged) - median(free)), unit: 'ms', budget: addedBudgetMs },
    ];
  } finally {
    await judging.stop();
    await transport.close();
    await cluster.stop();
    await registry.close();
    await server.stop();
  }
}

interface Round {
  cluster: Cluster;
  seal: Seal;
  below: Below;
  /** Number of the first image. */
  first: number;
  keys: readonly SigningKey[];
}

/** Milliseconds from when the image is pushed until it is the target in status. One more than are counted: the first reads the base's packages. */
async function timesToTarget({ cluster, seal, below, first, keys }: Round): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i <= images; i++) {
    const pushed = await pushBuilt(below, first + i);
    const { reference } = pushed.image;
    const begun = performance.now();
    if (keys.length > 0) await seal.sign(pushed, keys);
    await seal.judge(pushed);
    await cluster.createPool('bench', { system: { image: reference } });
    for (;;) {
      if ((await cluster.pool('bench')).status?.target?.image === reference) break;
    }
    times.push(performance.now() - begun);
  }
  return times.slice(1);
}
