/** Sets that nodes have been given are not held back while their files are compared once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { givenPlaces, placeOf } from '../../controller/rollout/given.ts';

const node = (name: string, arch: string) => ({ name, labels: { 'kubernetes.io/arch': arch } });
const target = (name: string, image: string, set?: string, pool = 'workers') => ({
  name,
  pool,
  image,
  ...(set === undefined ? {} : { addons: { digest: set, addons: [] } }),
});

test('a set counts as given over the image and on the platform of the node that has it, and in no other pool', () => {
  const nodes = [node('a', 'amd64'), node('b', 'arm64'), node('c', 'amd64')];
  const targets = [
    target('a', 'image-1', 'set-1'),
    target('b', 'image-2', 'set-1'),
    target('c', 'image-1'),
    target('gone', 'image-1', 'set-2'),
    target('a', 'image-3', 'set-3', 'others'),
  ];
  assert.deepEqual(
    [...givenPlaces('workers', nodes, targets)],
    [placeOf('image-1', 'set-1', 'linux/amd64'), placeOf('image-2', 'set-1', 'linux/arm64')],
  );
});
