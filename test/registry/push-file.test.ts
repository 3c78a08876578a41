/** Files go to a registry piece by piece, go on after an interruption, and are what their digest says. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientWith } from './image-fixture.ts';

const pieceBytes = 200_000;

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`files to ${kind}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'scantling-push-'));
    let server: RegistryServer;
    let client: Registry;
    before(async () => {
      server = await startRegistry({ kind });
      client = clientWith({ pieceBytes }, server.host);
    });
    after(async () => {
      await client.close();
      await server.stop();
      rmSync(directory, { recursive: true });
    });
    const repository = (): string => `${server.host}/files`;
    const sent = (method: string): number => server.requests.log.filter(exchange => exchange.method === method).length;

    /** A new file of that many bytes. */
    function fileOf(size: number): { file: string; digest: string; size: number; bytes: Buffer } {
      const bytes = randomBytes(size);
      const file = join(directory, `${Math.random()}`);
      writeFileSync(file, bytes);
      return { file, digest: sha256(bytes), size, bytes };
    }

    test('small, in pieces, and nothing at all', async () => {
      for (const size of [0, 1_000, pieceBytes, 3 * pieceBytes + 7]) {
        const { bytes, ...blob } = fileOf(size);
        assert.equal(await client.pushFile(repository(), blob), 'pushed');
        assert(Buffer.from(await client.blob(repository(), blob.digest)).equals(bytes));
      }
    });

    test('what is there is not sent', async () => {
      const { bytes: _, ...blob } = fileOf(1_000);
      await client.pushFile(repository(), blob);
      server.requests.clear();
      assert.equal(await client.pushFile(repository(), { ...blob, file: '/nowhere' }), 'present');
      assert.deepEqual(
        server.requests.log.map(({ method }) => method),
        ['HEAD'],
      );
    });

    test('an interruption, in the middle of a piece or of a whole', async () => {
      for (const [size, method] of [
        [4 * pieceBytes, 'PATCH'],
        [pieceBytes / 2, 'PUT'],
      ] as const) {
        const { bytes, ...blob } = fileOf(size);
        server.requests.clear();
        let seen = 0;
        const last = method === 'PATCH' ? 3 : 1;
        server.requests.fail(exchange => exchange.method === method && ++seen === last, { cutRequestAfterBytes: 50_000 });
        assert.equal(await client.pushFile(repository(), blob), 'pushed');
        assert(Buffer.from(await client.blob(repository(), blob.digest)).equals(bytes));
        assert(sent(method) > 1);
      }
    });

    test('a file that has become another is not taken for it', async () => {
      for (const size of [1_000, 2 * pieceBytes]) {
        const { bytes, ...blob } = fileOf(size);
        writeFileSync(
          blob.file,
          bytes.map(byte => byte ^ 1),
        );
        await assert.rejects(client.pushFile(repository(), blob), {
          reason: 'DigestMismatch',
          message: /does not have the bytes of/,
        });
        truncateSync(blob.file, 500);
        await assert.rejects(client.pushFile(repository(), blob), { reason: 'DigestMismatch', message: /fewer bytes/ });
        assert.equal(await client.hasBlob(repository(), blob.digest), undefined);
      }
      const { bytes: _, ...gone } = fileOf(1_000);
      rmSync(gone.file);
      await assert.rejects(client.pushFile(repository(), gone), { code: 'ENOENT' });
    });
  });
}
