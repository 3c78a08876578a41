import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, pushImage } from './image-fixture.ts';

import { attach, tagOf } from './referrers-fixture.ts';

describe('the referrers tag', () => {
  let server: RegistryServer;
  let client: Registry;
  before(async () => {
    server = await startRegistry();
    client = clientOf(server.host);
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  test('an entry that another writer took away is put in again', async () => {
    const repository = `${server.host}/tag/lost`;
    const { digest } = await pushImage(client, repository, 'v1');
    const tag = tagOf(digest);
    const other = await attach(client, repository, digest, 'other');
    const before = await client.manifest(`${repository}:${tag}`);
    let taken = false;
    // A writer that read before and writes after: it puts the index back as it knew it, once.
    const watch = setInterval(() => {
      const written = server.requests.log.some(
        ({ method, path, status }) => method === 'PUT' && path.endsWith(tag) && status === 201,
      );
      if (!written || taken) return;
      taken = true;
      void client.pushManifest(repository, { mediaType: mediaTypes.index, bytes: before.bytes, tag });
    }, 1);
    server.requests.clear();
    const mine = await attach(clientOf(server.host), repository, digest, 'mine');
    clearInterval(watch);
    assert.ok(taken);
    assert.deepEqual(
      (await client.referrers(repository, digest)).map(entry => entry.digest),
      [other, mine],
    );
  });

  test('keeps what it does not know, and loses entries whose manifest is gone', async () => {
    const repository = `${server.host}/tag/kept`;
    const { digest } = await pushImage(client, repository, 'v1');
    const gone = await attach(client, repository, digest, 'gone');
    const kept = await attach(client, repository, digest, 'kept');
    const { json } = await client.manifest(`${repository}:${tagOf(digest)}`);
    const index = { ...(json as object), annotations: { by: 'others' } };
    await client.pushManifest(repository, {
      mediaType: mediaTypes.index,
      bytes: new TextEncoder().encode(JSON.stringify(index)),
      tag: tagOf(digest),
    });
    await fetch(`http://${server.host}/v2/tag/kept/manifests/${gone}`, { method: 'DELETE' });
    const added = await attach(client, repository, digest, 'added');
    const after = await client.manifest(`${repository}:${tagOf(digest)}`);
    assert.deepEqual((after.json as typeof index).annotations, { by: 'others' });
    assert.deepEqual(
      (await client.referrers(repository, digest)).map(entry => entry.digest),
      [kept, added],
    );
  });

  test('that is something else is left alone', async () => {
    const repository = `${server.host}/tag/foreign`;
    const { digest } = await pushImage(client, repository, 'v1');
    const foreign = await pushImage(client, repository, tagOf(digest));
    await assert.rejects(attach(client, repository, digest, 'x'), /is no index of referrers; it is left as it is/);
    await assert.rejects(client.referrers(repository, digest), /is no index of referrers/);
    assert.equal((await client.resolve(`${repository}:${tagOf(digest)}`)).digest, foreign.digest);
  });

  test('a registry that deletes nothing keeps what it lists', async () => {
    const keeper = await startRegistry({ deletion: false });
    const own = clientOf(keeper.host);
    const repository = `${keeper.host}/tag/keeper`;
    const { digest } = await pushImage(own, repository, 'v1');
    const one = await attach(own, repository, digest, 'one');
    for (const each of [one, digest]) {
      await assert.rejects(
        own.deleteManifest(repository, each),
        error => error instanceof StallingError && error.reason === 'DeletionUnsupported' && error.message.includes(repository),
      );
    }
    assert.deepEqual(
      (await own.referrers(repository, digest)).map(entry => entry.digest),
      [one],
    );
    await own.close();
    await keeper.stop();
  });

  test('is written and deleted with tokens that allow just that', async () => {
    for (const kind of ['distribution', 'referrers'] as const) {
      const locked = await startRegistry({ kind, auth: 'token' });
      const own = clientOf(locked.host);
      const auth = parseDockerConfig(JSON.stringify({ auths: { [locked.host]: registryCredentials } }));
      const repository = `${locked.host}/tag/locked`;
      const { digest } = await pushImage(own, repository, 'v1', auth);
      const blob = randomBytes(10);
      await own.pushBlob(repository, blob, auth);
      await assert.rejects(own.referrers(repository, digest), /denies pull/);
      assert.deepEqual(await own.referrers(repository, digest, auth), []);
      await own.deleteManifest(repository, digest, auth);
      await assert.rejects(own.resolve(`${repository}@${digest}`, auth), NotFoundError);
      await own.close();
      await locked.stop();
    }
  });
});
