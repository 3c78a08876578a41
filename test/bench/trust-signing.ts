/** What signing and judging take of a build: signatures, provenance, bill of materials, the look whether all is there. */
import { Seal } from '../../controller/build/seal.ts';
import { openTrustDoor } from '../build/trust-door.ts';
import { startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { keyAuthority, policyOf } from '../trust/policy-scene.ts';
import { newSigningKey } from '../trust/signing-scene.ts';
import { pushBelow, pushBuilt } from './built-image.ts';
import { watchIdleLoop, watchLoop } from './loop-stall.ts';
import { median, type Measure } from './measure.ts';
import { debianLayer, fedoraLayer } from './package-layers.ts';

const images = 9;
const stallBudgetMs = 50;

export async function measureSigning(progress: (line: string) => void): Promise<Measure[]> {
  return [
    ...(await measureKind('with the referrers API, on a base of Debian', { kind: 'referrers', layer: debianLayer(), progress })),
    ...(await measureKind('without the referrers API, on a base with 30 MB of rpm', {
      kind: 'distribution',
      layer: fedoraLayer(),
      progress,
    })),
  ];
}

interface Scene {
  kind: 'referrers' | 'distribution';
  /** Of the base. */
  layer: Uint8Array;
  progress: (line: string) => void;
}

async function measureKind(what: string, { kind, layer, progress }: Scene): Promise<Measure[]> {
  progress(`signing what is built, ${what}`);
  const server = await startRegistry({ kind });
  const registry = clientOf(server.host);
  const door = openTrustDoor(registry);
  try {
    const key = await newSigningKey();
    await door.enforce(policyOf('all', { authorities: [keyAuthority('ours', key.publicKey)] }));
    const seal = new Seal({ registry, ...door, origins: { of: async () => undefined }, now: Date.now });
    const below = await pushBelow(registry, server.host, layer);
    const times: number[] = [];
    const stalls: number[] = [];
    const idle = await watchIdleLoop();
    for (let number = 0; number <= images; number++) {
      const pushed = await pushBuilt(below, number);
      const stalled = watchLoop();
      const begun = performance.now();
      await seal.sign(pushed, [key]);
      const { decision } = await seal.judge(pushed);
      times.push(performance.now() - begun);
      stalls.push(stalled());
      if (decision !== 'Trusted') throw new Error(`the image is ${decision}`);
    }
    const [first = Number.NaN, ...rest] = times;
    const [firstStall = Number.NaN, ...later] = stalls;
    return [
      { measure: `signing and judging an image, registry ${what} (median of ${images})`, value: median(rest), unit: 'ms' },
      { measure: 'loop stall meanwhile', value: Math.max(...later), unit: 'ms', budget: stallBudgetMs },
      { measure: 'of the first on a base, whose packages are read', value: first, unit: 'ms' },
      { measure: 'loop stall meanwhile', value: firstStall, unit: 'ms', budget: stallBudgetMs },
      { measure: 'of a loop that does nothing, meanwhile', value: await idle(), unit: 'ms' },
    ];
  } finally {
    await door.stop();
    await registry.close();
    await server.stop();
  }
}
