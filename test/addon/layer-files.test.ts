/** Room for layers, before any of them is fetched. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { downloadLayers, requireRoom } from '../../controller/addon/layer-files.ts';
import { TransientError } from '../../controller/api/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';

const free = (bytes: number) => () => Promise.resolve(bytes);

describe('layers', () => {
  it('are not fetched where there is no room for them and for what is made of them', async () => {
    await requireRoom('/build', 500, free(1_000));
    await assert.rejects(
      requireRoom('/build', 501, free(1_000)),
      (error: unknown) =>
        error instanceof TransientError && error.message.startsWith('/build has room for 1000 bytes, and the layers take 501'),
    );
  });

  it('are asked of the directory that they are for', async () => {
    let reads = 0;
    const registry = {
      async *readBlob() {
        reads++;
        yield Promise.resolve(Buffer.alloc(0));
        return undefined;
      },
    };
    const layers = [{ mediaType: mediaTypes.layer, digest: `sha256:${'a'.repeat(64)}`, size: 1 }];
    const missing = `${tmpdir()}/there-is-none-of-this-name`;
    await assert.rejects(downloadLayers(registry, { repository: 'registry.example/x', layers }, missing), {
      reason: 'ImageFailed',
    });
    assert.equal(reads, 0);
  });
});
