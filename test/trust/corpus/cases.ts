/** Runs a table of images, each with what policies say of it and what is to come out, over a real registry. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TrustPolicy } from '../../../controller/api/trust-policy.ts';
import type { Registry } from '../../../controller/registry/registry.ts';
import { createLog } from '../../../controller/telemetry/log.ts';
import { createImageVerifier } from '../../../controller/trust/image-verifier.ts';
import type { Judgement } from '../../../controller/trust/judgement.ts';
import { readPolicy } from '../../../controller/trust/read-policy.ts';
import type { Sources } from '../../../controller/trust/sources.ts';
import { rulesFor } from '../../../controller/trust/select-rules.ts';
import { type RegistryServer, startRegistry } from '../../cluster/registry.ts';
import { clientOf } from '../../registry/image-fixture.ts';
import type { TestImage } from './image.ts';
import { newKey, type TestKey } from './keys.ts';
import { Repository } from './repository.ts';

/** When everything is judged, unless a case says otherwise. */
export const noon = Date.parse('2026-06-01T12:00:00Z');
export const minute = 60_000;
export const day = 86_400_000;

export interface Laboratory {
  server: RegistryServer;
  /** A repository that nobody else uses. */
  repository(): Repository;
  /** The key that policies trust, the same for all cases. */
  key: TestKey;
  /** A key that no policy names. */
  stranger: TestKey;
}

export interface Arranged {
  image: Pick<TestImage, 'reference' | 'repository'>;
  policies: readonly TrustPolicy[];
  /** The commit that the image is known to be built from. */
  commit?: string;
  now?: number;
}

export interface ImageCase {
  name: string;
  arrange(lab: Laboratory): Promise<Arranged>;
  /** Authorities whose signatures count, as `policy/authority`; the image is trusted. */
  trusted?: readonly string[];
  /** Reasons that candidates are refused for, each at least once; the image is refused. */
  refused?: readonly string[];
  /** Reason of the judgement; default: `Trusted` or `Untrusted`. */
  reason?: string;
  /** What the messages of the judgement and its candidates must say. */
  says?: RegExp;
}

const nothing: Sources = {
  secret: () => Promise.resolve(undefined),
  configMap: () => Promise.resolve(undefined),
  trustedRoot: () => Promise.reject(new Error('no case asks a TUF repository')),
};

export interface Judge {
  /** What the policies make of an image, by the way that the controller goes. */
  judge(of: Arranged): Promise<Judgement>;
  close(): Promise<void>;
}

export function createJudge(registry: Registry): Judge {
  let clock = noon;
  const verifier = createImageVerifier({ registry, now: () => clock, log: createLog('error', () => undefined) });
  return {
    judge: async ({ image, policies, commit, now = noon }) => {
      const read = await Promise.all(policies.map(policy => readPolicy(policy, nothing)));
      const rules = rulesFor(read, 'Image', image.repository.name);
      clock = now;
      return verifier.verify({ image: image.reference, rules, ...(commit === undefined ? {} : { commit }) });
    },
    close: () => verifier.close(),
  };
}

/** What was said, for the message of a test that fails. */
export function wordsOf({ message, candidates }: Judgement): string {
  return [message, ...candidates.map(candidate => `${candidate.form} ${candidate.reason}: ${candidate.message}`)].join('\n');
}

function check(of: ImageCase, judgement: Judgement): void {
  const { decision, reason, candidates } = judgement;
  const words = wordsOf(judgement);
  const reasons = candidates.filter(({ accepted }) => !accepted).map(candidate => candidate.reason);
  if (of.trusted) {
    assert.deepEqual({ decision, reason }, { decision: 'Trusted', reason: of.reason ?? 'Trusted' }, words);
    assert.deepEqual([...new Set(judgement.signers.map(({ authority }) => authority))].toSorted(), of.trusted, words);
  } else {
    assert.deepEqual({ decision, reason }, { decision: 'Refused', reason: of.reason ?? 'Untrusted' }, words);
  }
  for (const expected of of.refused ?? [])
    assert.ok(reasons.includes(expected), `no candidate is refused as ${expected}:\n${words}`);
  if (of.says) assert.match(words, of.says);
}

let numbers = 0;

/** The kinds of registry: with the referrers API and without. */
export const kinds = ['referrers', 'distribution'] as const;

/** Each case as a test, on registries of these kinds. */
export function testCases(title: string, cases: readonly ImageCase[], on: readonly (typeof kinds)[number][] = kinds): void {
  for (const kind of on) {
    void describe(`${title} (${kind === 'referrers' ? 'referrers API' : 'referrers tag'})`, () => {
      const key = newKey();
      const stranger = newKey();
      let server: RegistryServer;
      let registry: Registry;
      let judge: Judge;
      before(async () => {
        server = await startRegistry({ kind });
        registry = clientOf(server.host);
        judge = createJudge(registry);
      });
      after(async () => {
        await judge.close();
        await registry.close();
        await server.stop();
      });
      for (const each of cases) {
        void test(each.name, async () => {
          const repository = (): Repository => new Repository(server.host, `os/case-${++numbers}`);
          check(each, await judge.judge(await each.arrange({ server, repository, key, stranger })));
        });
      }
    });
  }
}

export interface CaseTable {
  title: string;
  cases: readonly ImageCase[];
  /** Default: both. */
  on?: readonly (typeof kinds)[number][];
}

export function testTables(tables: readonly CaseTable[]): void {
  for (const { title, cases, on } of tables) testCases(title, cases, on);
}
