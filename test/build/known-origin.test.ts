/** Which commit an image is known to be built from: what a source has applied, and nothing that somebody has written into a definition or made in its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageBuild } from '../../controller/api/image-build.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { vouches } from '../../controller/build/known-origin.ts';

const commit = 'c'.repeat(40);
const url = 'https://git.example.com/os.git';
const uid = '6f1c2a3b-0000-4000-8000-000000000000';

interface Scene {
  /** What the source has noted of the definition; null for nothing. */
  applied?: string | null;
  name?: string;
  suspend?: boolean;
  /** Of the definition now. */
  now?: { uid?: string; generation?: number };
  /** Of the build. */
  generation?: number;
  owner?: string;
  recorded?: string;
  revision?: string;
}

function origin(scene: Scene): ReturnType<typeof vouches> {
  const { applied = '6f1c2a3b.4', name = 'edge', suspend = false, now, generation = 4, owner = uid } = scene;
  const entry = { kind: 'SystemDefinition', name, path: 'os.yaml', ...(applied === null ? {} : { applied }) };
  const source = { spec: { url, suspend }, status: { inventory: [entry] } } as Pick<SystemSource, 'spec' | 'status'>;
  const ownerReferences = [{ apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', name: 'edge', uid: owner }];
  const trust = { decision: 'Trusted', reason: '', message: '', digest: '', basis: '', commit: scene.recorded } as const;
  const build = {
    metadata: { name: 'edge-1', ownerReferences },
    spec: { definitionRef: { name: 'edge', generation }, revision: scene.revision ?? `main@sha1:${commit}` },
    ...(scene.recorded === undefined ? {} : { status: { trust } }),
  } as Pick<ImageBuild, 'spec' | 'metadata' | 'status'>;
  return vouches(source, { metadata: { name: 'edge', uid, generation: 4, ...now } }, build);
}

const known = { repository: url, revision: `main@sha1:${commit}`, commit };

test('a commit is known when the source says that the definition was just what it has applied', () => {
  assert.deepEqual(origin({}), known);
});

test('what was said once of an image stays, whatever became of the definition', () => {
  assert.deepEqual(origin({ recorded: commit, applied: '6f1c2a3b.7', now: { generation: 7 } }), known);
  assert.equal(origin({ recorded: 'd'.repeat(40), applied: '6f1c2a3b.7', now: { generation: 7 } }), undefined);
});

test('a definition that was changed by hand, is another one of that name, or was not applied has no commit', () => {
  const cases: Record<string, Scene> = {
    'changed by hand and put right': { generation: 5, applied: '6f1c2a3b.6', now: { generation: 6 } },
    'made again by hand': { applied: '6f1c2a3b.1', generation: 1, owner: 'another', now: { uid: 'another', generation: 1 } },
    'put in the place of the one that was built': { owner: 'another' },
    'not in the inventory': { name: 'other', now: { generation: 9 } },
    'without a revision': { revision: 'main' },
  };
  for (const [what, scene] of Object.entries(cases)) {
    const answer = origin(scene);
    assert.ok(answer === undefined || answer === 'later', what);
  }
});

test('a source that has yet to say so is waited for, one that is suspended is not', () => {
  assert.equal(origin({ applied: '6f1c2a3b.3' }), 'later');
  assert.equal(origin({ applied: null }), 'later');
  assert.equal(origin({ applied: '6f1c2a3b.3', suspend: true }), undefined);
  assert.equal(origin({ applied: '6f1c2a3b.3', now: { generation: 5 } }), undefined);
});
