/** What trust costs: signatures judged in a second, the time that a look-up takes, what is remembered, and how long the loop stands still. */
import { createLog } from '../../controller/telemetry/log.ts';
import { createImageVerifier, type ImageVerifier } from '../../controller/trust/image-verifier.ts';
import { JudgeThread } from '../../controller/trust/judge-thread.ts';
import { startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { attachBundle, signedBundle } from '../trust/corpus/bundle.ts';
import { newImage, type TestImage } from '../trust/corpus/image.ts';
import { newKey, type TestKey } from '../trust/corpus/keys.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer, signImageWith } from '../trust/corpus/simple-signing.ts';
import { image as reference, keyAuthority, newPair, now, rulesOf } from '../trust/signed-fixture.ts';
import { watchIdleLoop, watchLoop } from './loop-stall.ts';
import { median, type Measure } from './measure.ts';
import { measureCommits } from './trust-commits.ts';
import { measureJudging, mostCandidates } from './trust-judging.ts';
import { measureSigning } from './trust-signing.ts';
import { measureTarget } from './trust-target.ts';

const images = 30;
const remembered = 20_000;
/** Design: the loop that leases and probes depend on. */
const stallBudgetMs = 50;

export async function measureTrust(progress: (line: string) => void): Promise<Measure[]> {
  return [
    ...measureJudging(progress),
    ...(await measureThread(progress)),
    ...(await measureLookUps(progress)),
    ...(await measureSigning(progress)),
    ...(await measureCommits(progress, watchLoop)),
    ...(await measureTarget(progress)),
  ];
}

/** The most that one image may have to be judged, a few times, in the thread. */
async function measureThread(progress: (line: string) => void): Promise<Measure[]> {
  progress('64 candidates of a mebibyte, in the thread');
  const thread = new JudgeThread();
  try {
    const rules = rulesOf([keyAuthority('release', [newPair()])], {
      attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', commit: 'Any' }],
    });
    const of = { rules, image: reference, now };
    await thread.judge(of, []);
    const stranger = newPair();
    const times: number[] = [];
    let stall = 0;
    const idle = await watchIdleLoop();
    for (let i = 0; i < 3; i++) {
      const candidates = mostCandidates(stranger);
      const stalled = watchLoop();
      const begun = performance.now();
      await thread.judge(of, candidates);
      times.push(performance.now() - begun);
      stall = Math.max(stall, stalled());
    }
    return [
      { measure: 'judging 64 candidates of a mebibyte each (median)', value: median(times), unit: 'ms' },
      { measure: 'loop stall meanwhile', value: stall, unit: 'ms', budget: stallBudgetMs },
      { measure: 'of a loop that does nothing, meanwhile', value: await idle(), unit: 'ms' },
    ];
  } finally {
    await thread.close();
  }
}

/** Over a registry of this machine; its answers pass through this process, whose loop is measured. */
async function measureLookUps(progress: (line: string) => void): Promise<Measure[]> {
  const server = await startRegistry({ kind: 'referrers' });
  const registry = clientOf(server.host);
  const verifier = createImageVerifier({ registry, now: Date.now, log: createLog('silent') });
  try {
    const key = newKey();
    const rules = rulesFor(key);
    progress(`${images} images, signed in both forms`);
    const signed = await signedImages(server.host, key);
    await verifier.verify({ image: signed[0]?.reference ?? '', rules: { ...rules, basis: 'warm' } });
    const idle = await watchIdleLoop();
    const stalled = watchLoop();
    const times = await each(signed, ({ reference: image }) => verifier.verify({ image, rules }));
    const stall = stalled();
    const idleStall = await idle();
    server.requests.clear();
    const rate = await rememberedRate(verifier, { rules, image: signed[0]?.reference ?? '' });
    const asked = server.requests.log.length;
    progress('an image with 64 signatures');
    const crowded = await crowdedImage(server.host, key);
    const all = await each([crowded, crowded, crowded], ({ reference: image }, i) =>
      verifier.verify({ image, rules: { ...rules, basis: String(i) } }),
    );
    return [
      { measure: `look-up and judging of an image, both forms (median of ${images})`, value: median(times), unit: 'ms' },
      { measure: 'loop stall meanwhile', value: stall, unit: 'ms', budget: stallBudgetMs },
      { measure: 'of a loop that does nothing, meanwhile', value: idleStall, unit: 'ms' },
      { measure: 'of an image with 64 signatures', value: median(all), unit: 'ms' },
      { measure: 'judgements that are remembered', value: rate, unit: '/s' },
      { measure: 'requests for these', value: asked, unit: '', budget: 0 },
    ];
  } finally {
    await verifier.close();
    await registry.close();
    await server.stop();
  }
}

type Rules = Parameters<ImageVerifier['verify']>[0]['rules'];

function rulesFor({ pem, fingerprint }: TestKey): Rules {
  return rulesOf([
    {
      kind: 'key',
      policy: 'os',
      name: 'release',
      keys: [{ pem, fingerprint, algorithm: 'ecdsa-p256' }],
      transparencyLog: 'Ignored',
    },
  ]);
}

async function signedImages(host: string, key: TestKey): Promise<TestImage[]> {
  const repository = new Repository(host, 'os/edge');
  const made: TestImage[] = [];
  for (let i = 0; i < images; i++) {
    const image = await newImage(repository);
    await signImageWith(image, key);
    await attachBundle(image, signedBundle(image, key));
    made.push(image);
  }
  return made;
}

async function crowdedImage(host: string, key: TestKey): Promise<TestImage> {
  const image = await newImage(new Repository(host, 'os/crowded'));
  const stranger = newKey();
  const others = Array.from({ length: 63 }, (_, i) => signedLayer(stranger, payloadOf(image, { optional: { i } })));
  await pushLayers(image.repository, image.digest, [...others, signedLayer(key, payloadOf(image))]);
  return image;
}

/** Milliseconds of each. */
async function each<T>(items: readonly T[], work: (item: T, i: number) => Promise<{ decision: string }>): Promise<number[]> {
  const times: number[] = [];
  for (const [i, item] of items.entries()) {
    const begun = performance.now();
    const { decision } = await work(item, i);
    times.push(performance.now() - begun);
    if (decision !== 'Trusted') throw new Error(`the image is ${decision}`);
  }
  return times;
}

async function rememberedRate(verifier: ImageVerifier, of: { rules: Rules; image: string }): Promise<number> {
  const begun = performance.now();
  for (let i = 0; i < remembered; i++) await verifier.verify(of);
  return (remembered * 1000) / (performance.now() - begun);
}
