/** What an image adds to the one that it was built from, and which systems that may be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { layersAbove, requireSystem } from '../../controller/addon/over-base.ts';
import { StallingError } from '../../controller/api/errors.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';

const layered = (image: string, contents: readonly string[], how = '') => ({
  image,
  diffIds: contents.map(sha256),
  layers: contents.map(content => ({ mediaType: mediaTypes.layerGzip, digest: sha256(how + content), size: content.length })),
});

const mismatch = (message: RegExp) => (error: unknown) =>
  error instanceof StallingError && error.reason === 'BaseMismatch' && message.test(error.message);

describe('the layers above a base', () => {
  const contents = fc.array(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 });

  it('are those that it does not have, however its layers are compressed', () => {
    fc.assert(
      fc.property(contents, contents, (below, added) => {
        const image = layered('image', [...below, ...added], 'anew ');
        const above = layersAbove(image, layered('base', below));
        assert.deepEqual(above, image.layers.slice(below.length));
      }),
    );
  });

  it('are refused of an image that is built from another', () => {
    fc.assert(
      fc.property(contents, contents, (one, other) => {
        fc.pre(other.some((content, i) => content !== one[i]));
        assert.throws(
          () => layersAbove(layered('image', one), layered('base', other)),
          mismatch(/^image is not built from base: /),
        );
      }),
    );
  });

  it('are refused where there are none', () => {
    const same = layered('image', ['a', 'b']);
    assert.throws(() => layersAbove(same, { ...same, image: 'base' }), mismatch(/^image adds nothing to base/));
  });
});

describe('the system of a base', () => {
  const variant = { platform: 'linux/amd64', os: { id: 'debian', versionId: '12' } };

  it('is one whose hosts would merge the variant', () => {
    requireSystem(variant, { id: 'debian', idLike: [], versionId: '12' }, 'base');
    requireSystem(
      { ...variant, os: { id: 'flatcar', sysextLevel: '1.0' } },
      { id: 'flatcar', idLike: [], versionId: '1', sysextLevel: '1.0' },
      'base',
    );
  });

  it('is refused otherwise, with what it is', () => {
    for (const [os, said] of [
      [{ id: 'debian', idLike: [], versionId: '13' }, 'debian 13'],
      [{ id: 'ubuntu', idLike: ['debian'], versionId: '12' }, 'ubuntu 12'],
      [{ id: 'fedora', idLike: [] }, 'fedora without VERSION_ID'],
      [{ id: 'debian', idLike: [], versionId: '13', sysextLevel: '2' }, 'debian 13 (SYSEXT_LEVEL 2)'],
    ] as const)
      assert.throws(() => requireSystem(variant, os, 'base'), {
        reason: 'BaseMismatch',
        message: `the base base is ${said}, whose hosts would not take the variant linux/amd64 for debian 12; correct os, or name the base of that system`,
      });
  });
});
