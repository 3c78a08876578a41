import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { HttpFault } from '../cluster/http-faults.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, pushImage } from './image-fixture.ts';

import { artifactType, attach, page, tagOf } from './referrers-fixture.ts';

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`referrers on ${kind}`, () => {
    let server: RegistryServer;
    let client: Registry;
    let round = 0;
    before(async () => {
      server = await startRegistry({ kind });
      client = clientOf(server.host);
    });
    after(async () => {
      await client.close();
      await server.stop();
    });

    async function image(): Promise<{ repository: string; digest: string }> {
      const repository = `${server.host}/refer/${++round}`;
      return { repository, digest: (await pushImage(client, repository, 'v1')).digest };
    }

    test('are none, then those that were pushed, whole or of one type', async () => {
      const { repository, digest } = await image();
      assert.deepEqual(await client.referrers(repository, digest), []);
      const one = await attach(client, repository, digest, 'one');
      const two = await attach(client, repository, digest, 'two', { type: 'application/vnd.example.other' });
      const found = await client.referrers(repository, digest);
      assert.deepEqual(new Set(found.map(entry => entry.digest)), new Set([one, two]));
      const [first] = await client.referrers(repository, digest, undefined, { artifactType });
      assert.deepEqual([first?.digest, first?.artifactType, first?.annotations], [one, artifactType, { note: 'one' }]);
      assert.deepEqual(await client.referrers(repository, digest, undefined, { artifactType: 'application/vnd.nothing' }), []);
      const tag = await client.resolve(`${repository}:${tagOf(digest)}`).then(
        () => true,
        () => false,
      );
      assert.equal(tag, kind === 'distribution', 'the tag is written only where the API is missing');
    });

    test('pushing one twice lists it once, and does not write twice', async () => {
      const { repository, digest } = await image();
      await attach(client, repository, digest, 'same');
      server.requests.clear();
      await attach(client, repository, digest, 'same');
      assert.equal((await client.referrers(repository, digest)).length, 1);
      assert.deepEqual(
        server.requests.log.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/sha256-')),
        [],
      );
    });

    test('of a subject that is not there yet are kept', async () => {
      const { repository } = await image();
      const later = sha256('later');
      const one = await attach(client, repository, later, 'early');
      assert.deepEqual(
        (await client.referrers(repository, later)).map(entry => entry.digest),
        [one],
      );
    });

    test('go with their manifest', async () => {
      const { repository, digest } = await image();
      const [one, two] = [await attach(client, repository, digest, 'one'), await attach(client, repository, digest, 'two')];
      await client.deleteManifest(repository, one);
      assert.deepEqual(
        (await client.referrers(repository, digest)).map(entry => entry.digest),
        [two],
      );
      await assert.rejects(client.manifest(`${repository}@${one}`), NotFoundError);
      await assert.rejects(client.deleteManifest(repository, one), NotFoundError);
      await client.deleteManifest(repository, two);
      await client.deleteManifest(repository, digest);
      assert.deepEqual(await client.referrers(repository, digest), []);
      if (kind === 'distribution') await assert.rejects(client.resolve(`${repository}:${tagOf(digest)}`), NotFoundError);
    });

    test('a deletion whose answer is lost is one', async () => {
      const { repository, digest } = await image();
      const end = server.requests.fail(({ method }) => method === 'DELETE', { dropAnswer: true, times: 1 });
      await client.deleteManifest(repository, digest);
      end();
      await assert.rejects(client.resolve(`${repository}@${digest}`), NotFoundError);
    });

    test('a failed look-up is never "none"', async () => {
      const { repository, digest } = await image();
      await attach(client, repository, digest, 'there');
      const failures: HttpFault[] = [
        { status: 500 },
        { status: 429, retryAfter: 0 },
        { status: 403 },
        { status: 401 },
        { cutAfterBytes: 0 },
        { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
        { status: 200, headers: { 'content-type': mediaTypes.index }, body: '{"manifests":[{}]}' },
        { status: 200, headers: { 'content-type': mediaTypes.index }, body: '{}' },
        { status: 307, headers: { location: `/v2/nowhere` } },
      ];
      for (const fault of failures) {
        for (const part of ['/referrers/', '/manifests/sha256-']) {
          const end = server.requests.fail(({ method, path }) => method === 'GET' && path.includes(part), fault);
          // 404 behind a redirect of the same registry is the registry's; every other failure is an error.
          const redirected = fault.status === 307 && (await client.referrers(repository, digest).catch(() => undefined));
          if (!redirected) {
            await assert.rejects(client.referrers(repository, digest), error => {
              assert.ok(error instanceof TransientError || error instanceof StallingError, String(error));
              assert.ok(error.message.includes(server.host), error.message);
              return true;
            });
          }
          end();
        }
      }
    });

    test('API and tag are read as one list', async () => {
      const { repository, digest } = await image();
      const one = await attach(client, repository, digest, 'one');
      // What the other of the two says, as a registry that got the API later would.
      const entry = { mediaType: mediaTypes.manifest, digest: sha256('two'), size: 2, artifactType };
      const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] });
      const part = kind === 'distribution' ? '/referrers/' : '/manifests/sha256-';
      const answer = { status: 200, headers: { 'content-type': mediaTypes.index }, body: index };
      const end = server.requests.fail(({ path }) => path.includes(part), answer);
      const found = await client.referrers(repository, digest);
      end();
      assert.deepEqual(new Set(found.map(each => each.digest)), new Set([one, sha256('two')]));
    });

    test('pages are read to the last', async () => {
      const { repository, digest } = await image();
      const path = `/v2/${repository.slice(server.host.length + 1)}/referrers/${digest}`;
      const type = { 'content-type': mediaTypes.index };
      const served = (query: string, headers: Record<string, string>, body: string): (() => void) =>
        server.requests.fail(exchange => exchange.path === path && exchange.query === query, { status: 200, headers, body });
      const ends = [
        served('', { ...type, link: `<${path}?last=b>; rel="next"` }, page(['a', 'b'])),
        served('last=b', { ...type, link: `</other>; rel="prev", <?last=c>; title="x"; rel=next` }, page(['c'])),
        served('last=c', type, page(['d'])),
      ];
      assert.deepEqual(
        (await client.referrers(repository, digest)).map(entry => entry.digest),
        ['a', 'b', 'c', 'd'].map(each => sha256(each)),
      );
      const query = 'artifactType=a%2Fb';
      ends.push(served(query, { ...type, 'oci-filters-applied': 'other, artifactType' }, page(['a'])));
      assert.deepEqual(
        (await client.referrers(repository, digest, undefined, { artifactType: 'a/b' })).map(entry => entry.digest),
        [sha256('a')],
        'a registry that has filtered is believed',
      );
      ends.push(served('last=b', { ...type, link: '<https://example.invalid/v2/x>; rel="next"' }, page(['c'])));
      await assert.rejects(client.referrers(repository, digest), /next page is not on the registry/);
      ends.push(served('last=b', { ...type, link: `<${path}?last=b>; rel="next"` }, page([])));
      await assert.rejects(client.referrers(repository, digest), /are too many/, 'a circle ends');
      for (const end of ends) end();
    });

    test('writers at the same time lose nothing', async () => {
      const { repository, digest } = await image();
      const writers = Array.from({ length: 6 }, () => clientOf(server.host));
      const pushed = await Promise.all(
        writers.flatMap((writer, w) => [0, 1].map(i => attach(writer, repository, digest, `${w}-${i}`))),
      );
      const found = await client.referrers(repository, digest);
      assert.deepEqual(found.map(entry => entry.digest).toSorted(), pushed.toSorted());
      await Promise.all(writers.map(writer => writer.close()));
    });
  });
}
