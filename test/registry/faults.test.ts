import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { HttpExchange, HttpFault } from '../cluster/http-faults.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientWith, manifestOf } from './image-fixture.ts';
import { attach } from './referrers-fixture.ts';

const flip = (chunk: Buffer): Buffer => Buffer.from(chunk.map(byte => byte ^ 0x20));

/** A single one of these is got over. */
const passing: Record<string, HttpFault> = {
  '429 with Retry-After': { status: 429, retryAfter: 0 },
  '500': { status: 500, body: 'oops' },
  '503 with a page': { status: 503, headers: { 'content-type': 'text/html' }, body: '<html>' },
  'a reset connection': { cutAfterBytes: 0 },
  'a request cut on its way': { cutRequestAfterBytes: 1 },
  'a lost answer': { dropAnswer: true },
  'a cut body': { cutAfterBytes: 1 },
  'a changed body': { corrupt: flip },
  silence: { hang: true },
};

/** These are an answer, only a wrong one: the call may fail, and must not believe it. */
const lying: Record<string, HttpFault> = {
  'a page with 200': { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
  'another digest': { status: 201, headers: { 'docker-content-digest': sha256('another'), location: '/v2/x/blobs/uploads/y' } },
  'a redirect to nowhere': { status: 307 },
  '400': { status: 400 },
  '403': { status: 403 },
};

/** What a caller may see of a failure: a class of error, and of what. */
function refuses(host: string): (error: unknown) => undefined {
  return error => {
    assert.ok(!(error instanceof NotFoundError), 'an error is never "absent"');
    assert.ok(error instanceof TransientError || error instanceof StallingError, String(error));
    assert.ok(error.message.includes(host) && error.message.includes('faults/'), error.message);
    assert.ok(!error.message.includes(registryCredentials.password), error.message);
    return undefined;
  };
}

async function inParallel(jobs: (() => Promise<void>)[]): Promise<void> {
  const rest = jobs.values();
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (const job of rest) await job();
    }),
  );
}

/** Something that the client does in calls which may fail, with a check of what is there afterwards. */
interface Scenario {
  name: string;
  /** Every registry takes at least so many. */
  calls: number;
  /** What is there before, without faults. */
  prepare?(repository: string): Promise<string>;
  run(repository: string, prepared: string | undefined): Promise<() => Promise<void>>;
}

for (const [kind, auth] of [
  ['distribution', 'token'],
  ['referrers', 'basic'],
] as const) {
  describe(`${kind} whose calls fail in turn`, () => {
    let server: RegistryServer;
    let client: Registry;
    let config: DockerConfig;
    let round = 0;
    const layer = randomBytes(1_000);
    before(async () => {
      server = await startRegistry({ kind, auth });
      config = parseDockerConfig(JSON.stringify({ auths: { [server.host]: registryCredentials } }));
    });
    after(() => server.stop());
    // One for each fault: what a client has learnt about a registry changes what it asks.
    beforeEach(() => {
      // Waits are over at once; a call that hangs is given up soon.
      client = clientWith(
        {
          pieceBytes: 400,
          sleep: () => new Promise(resolve => setImmediate(resolve)),
          timeouts: { idleMs: 700, callMs: 700 },
        },
        server.host,
      );
    });
    afterEach(() => client.close());

    const blobs: Scenario = {
      name: 'a push and a copy of a blob',
      calls: 9,
      async run(repository) {
        const [small, large] = [randomBytes(300), randomBytes(1_000)];
        const to = `${repository}/to`;
        await client.pushBlob(repository, small, config);
        assert.equal(await client.pushBlob(repository, large, config), sha256(large));
        await client.copyBlob(to, { from: repository, digest: sha256(large), size: large.length }, config);
        return async () => {
          assert.equal(await client.hasBlob(repository, sha256(small), config), small.length);
          assert.equal(sha256(await client.blob(repository, sha256(large), config)), sha256(large));
          assert.equal(sha256(await client.blob(to, sha256(large), config)), sha256(large));
        };
      },
    };
    const images: Scenario = {
      name: 'a push and a pull of an image',
      calls: 8,
      async run(repository) {
        await client.pushBlob(repository, layer, config);
        const bytes = manifestOf(layer);
        const digest = sha256(bytes);
        assert.equal(await client.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes, tag: 'v1' }, config), digest);
        assert.equal((await client.resolve(`${repository}@${digest}`, config)).digest, digest);
        assert.equal((await client.manifest(`${repository}:v1`, config)).digest, digest);
        assert.equal(sha256(await client.blob(repository, sha256(layer), config)), sha256(layer));
        return async () => assert.equal((await client.resolve(`${repository}:v1`, config)).digest, digest);
      },
    };
    const referrers: Scenario = {
      name: 'referrers and a deletion',
      calls: 6,
      prepare: repository => attach(client, repository, sha256(repository), 'kept', { auth: config }),
      async run(repository, kept) {
        const subject = sha256(repository);
        const gone = await attach(client, repository, subject, 'gone', { auth: config });
        await client.deleteManifest(repository, gone, config);
        const check = async (): Promise<void> => {
          const listed = await client.referrers(repository, subject, config);
          assert.deepEqual(
            listed.map(entry => entry.digest),
            [kept],
          );
        };
        await check();
        return check;
      },
    };

    /** Runs it in a repository of its own; `hit` says which of its calls the fault hits. Resolves to their number. */
    async function work(scenario: Scenario, fault: HttpFault, hit: (call: number) => boolean): Promise<number> {
      const name = `faults/${++round}`;
      const repository = `${server.host}/${name}`;
      const prepared = await scenario.prepare?.(repository);
      let call = -1;
      const mine = ({ path, query }: HttpExchange): boolean =>
        /(faults\/\d+)/.exec(`${path}?${decodeURIComponent(query)}`)?.[1] === name;
      const end = server.requests.fail(exchange => mine(exchange) && hit(++call), fault);
      const check = await scenario.run(repository, prepared).finally(end);
      // Done means done: everything is there without faults.
      await check();
      return call + 1;
    }

    /** Each call once; and from a call on, every third of them, another third for each fault. */
    async function inTurn(scenario: Scenario, fault: HttpFault, o: { third: number; gotOver: boolean }): Promise<void> {
      const calls = await work(scenario, fault, () => false);
      assert.ok(calls >= scenario.calls, `${scenario.name}: ${calls} calls`);
      const each = Array.from({ length: calls }, (_, i) => i);
      const refused = refuses(server.host);
      await inParallel([
        ...each.map(i => async () => {
          const outcome = work(scenario, fault, call => call === i).then(() => undefined);
          await outcome.catch(o.gotOver ? error => assert.fail(`${scenario.name}: call ${i}: ${String(error)}`) : refused);
        }),
        ...each
          .filter(i => i % 3 === o.third % 3)
          // A body that is empty cannot be cut or changed: such a call just passes.
          .map(i => async () => work(scenario, fault, call => call >= i).then(() => undefined, refused)),
      ]);
    }

    for (const scenario of [blobs, images, referrers]) {
      for (const [third, [name, fault]] of Object.entries(passing).entries()) {
        test(`${scenario.name}: ${name} is got over once, and an error when it goes on`, async () => {
          await inTurn(scenario, fault, { third, gotOver: true });
          if (fault.status === undefined && !fault.hang) return;
          await assert.rejects(
            work(scenario, fault, () => true),
            error => refuses(server.host)(error) === undefined,
          );
        });
      }
      for (const [third, [name, fault]] of Object.entries(lying).entries()) {
        test(`${scenario.name}: ${name} is never believed`, () => inTurn(scenario, fault, { third, gotOver: false }));
      }
    }
  });
}

test('Retry-After longer than a worker may wait is handed on', async () => {
  const server = await startRegistry();
  const client = clientWith({}, server.host);
  server.requests.fail(() => true, { status: 429, retryAfter: 90 });
  await assert.rejects(
    client.resolve(`${server.host}/a:b`),
    error => error instanceof TransientError && error.retryAfterMs === 90_000,
  );
  assert.equal(server.requests.count, 1, 'no second try');
  await client.close();
  await server.stop();
});
