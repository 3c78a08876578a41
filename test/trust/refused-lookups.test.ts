/** A registry that fails each call in turn: what could not be looked up is never accepted for it, and never taken for unsigned. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { HttpExchange, HttpFault } from '../cluster/http-faults.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientWith } from '../registry/image-fixture.ts';
import { attachBundle, signedBundle } from './corpus/bundle.ts';
import { createJudge, type Judge, kinds } from './corpus/cases.ts';
import { newImage, type TestImage } from './corpus/image.ts';
import { newKey } from './corpus/keys.ts';
import { keyed, policyOf } from './corpus/policies.ts';
import { Repository } from './corpus/repository.ts';
import { signImageWith } from './corpus/simple-signing.ts';

const faults: readonly { name: string; fault: HttpFault }[] = [
  { name: '401', fault: { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } } },
  { name: '403', fault: { status: 403 } },
  { name: '429', fault: { status: 429, retryAfter: 0 } },
  { name: '500', fault: { status: 500 } },
  { name: '503', fault: { status: 503 } },
  { name: 'a cut connection', fault: { cutAfterBytes: 0 } },
  { name: 'half an answer', fault: { cutAfterBytes: 10 } },
  { name: 'a page of a proxy', fault: { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' } },
  { name: 'five mebibytes', fault: { status: 200, body: ' '.repeat(5 * 1024 * 1024) } },
  { name: 'other bytes', fault: { corrupt: chunk => Buffer.from(chunk).fill(0x20) } },
  { name: 'no answer', fault: { hang: true } },
];

/** What was asked while an image was judged. */
type Call = Pick<HttpExchange, 'method' | 'path' | 'status'>;

/** Whether a fault makes the answer another one: that there is nothing is said by its status, whatever comes after it. */
function matters({ status }: Call, { fault }: (typeof faults)[number]): boolean {
  return status !== 404 || fault.status !== undefined || fault.cutAfterBytes === 0 || fault.hang === true;
}

function sameCall(call: Call): (exchange: HttpExchange) => boolean {
  return ({ method, path }) => method === call.method && path === call.path;
}

/** A mode that lets through what is not signed takes a failed look-up for that as little. */
const runs = [...kinds.map(kind => ({ kind, mode: 'Enforce' as const })), { kind: 'referrers' as const, mode: 'Warn' as const }];

for (const { kind, mode } of runs) {
  void describe(`a registry with ${kind === 'referrers' ? 'the referrers API' : 'referrers tags'}, mode ${mode}`, () => {
    const unsigned = mode === 'Enforce' ? 'Refused' : 'Warned';
    const key = newKey();
    const stranger = newKey();
    let server: RegistryServer;
    let registry: Registry;
    let judge: Judge;
    before(async () => {
      server = await startRegistry({ kind });
      const retry = { tries: 2, baseMs: 1, maxWaitMs: 10 };
      registry = clientWith({ retry, timeouts: { idleMs: 100, callMs: 200 } }, server.host);
      judge = createJudge(registry);
    });
    after(async () => {
      await judge.close();
      await registry.close();
      await server.stop();
    });

    /** A name of its own for each judgement, so that nothing is remembered. */
    let numbers = 0;
    const policies = (image: TestImage, by = key): ReturnType<typeof policyOf>[] => [
      policyOf(image.repository.name, [keyed(by)], { name: `images-${++numbers}`, mode }),
    ];
    const judged = (image: TestImage, by = key): ReturnType<Judge['judge']> =>
      judge.judge({ image, policies: policies(image, by) });

    /** What is asked to judge it, each call once. */
    async function callsFor(image: TestImage): Promise<Call[]> {
      server.requests.clear();
      await judged(image, stranger);
      const calls = new Map(
        server.requests.log.map(({ method, path, status }) => [`${method} ${path}`, { method, path, status }]),
      );
      return [...calls.values()];
    }

    async function eachCall(
      image: TestImage,
      check: (call: Call, fault: (typeof faults)[number]) => Promise<void>,
    ): Promise<void> {
      const calls = await callsFor(image);
      assert.ok(calls.length >= 2, 'something was asked');
      for (const call of calls) {
        for (const fault of faults.filter(each => matters(call, each))) {
          const end = server.requests.fail(sameCall(call), fault.fault);
          try {
            await check(call, fault);
          } finally {
            end();
          }
        }
      }
    }

    const images = {
      'an image without a signature': () => newImage(new Repository(server.host, 'os/unsigned')),
      'an image signed in the one form': async () => {
        const image = await newImage(new Repository(server.host, 'os/signature'));
        await signImageWith(image, key);
        return image;
      },
      'an image signed in the other': async () => {
        const image = await newImage(new Repository(server.host, 'os/bundle'));
        await attachBundle(image, signedBundle(image, key));
        return image;
      },
    };

    for (const [name, make] of Object.entries(images)) {
      void test(`${name}: each call fails in each way`, async () => {
        const image = await make();
        const signed = name !== 'an image without a signature';
        await eachCall(image, async (call, { name: fault }) => {
          const what = `${call.method} ${call.path} with ${fault}`;
          const [result] = await Promise.allSettled([judged(image)]);
          if (result.status === 'fulfilled') {
            // What was found elsewhere may do without the answer that failed; the absence of anything may not.
            assert.equal(result.value.decision, 'Trusted', `${what}: ${result.value.message}`);
            assert.ok(signed, what);
          } else {
            assert.ok(result.reason instanceof TransientError, `${what}: ${String(result.reason)}`);
            assert.equal(result.reason.reason, 'SignatureLookupFailed', what);
          }
        });
        assert.equal((await judged(image)).decision, signed ? 'Trusted' : unsigned, 'and when the registry answers again');
      });

      void test(`${name}, by a key nobody trusts: each call fails in each way`, async () => {
        const image = await make();
        await eachCall(image, async (call, { name: fault }) => {
          const what = `${call.method} ${call.path} with ${fault}`;
          await assert.rejects(judged(image, stranger), { reason: 'SignatureLookupFailed' }, what);
        });
      });
    }

    void test('what is listed and is not there is no absence', async () => {
      for (const make of [images['an image signed in the one form'], images['an image signed in the other']]) {
        const image = await make();
        const calls = (await callsFor(image)).filter(({ path }) => path.includes('/blobs/') || /manifests\/sha256:/.test(path));
        for (const call of calls.filter(({ path }) => !path.endsWith(image.digest))) {
          const end = server.requests.fail(sameCall(call), { status: 404 });
          await assert.rejects(judged(image), { reason: 'SignatureLookupFailed' }, `${call.method} ${call.path}`);
          end();
        }
      }
    });

    void test('an image that the registry does not have', async () => {
      const image = await newImage(new Repository(server.host, 'os/gone'));
      const digest = `sha256:${'0'.repeat(64)}`;
      const gone = { ...image, digest, reference: `${image.repository.name}@${digest}` };
      assert.equal((await judged(gone)).decision, unsigned, 'that it has no signatures is certain');
    });
  });
}
