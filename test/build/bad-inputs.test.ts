/**
 * What a person meets who gets something wrong, or whose surroundings do: one row each, from an image that is good over what is bad, which
 * must be told in a condition with its reason and its message while the last good image stays, to the cause taken away and the image built.
 * What takes a node is with the Jobs: job-builder.test.ts on a real one, life.test.ts with pods played by hand.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { withoutApt } from '../cluster/apt-base.ts';
import { isBuilt, saidBy, startScene, type Scene, type Seen } from './bad-input-scene.ts';
import { contentRows } from './bad-input-content.ts';
import { registryRows } from './bad-input-registry.ts';
import { stepRows } from './bad-input-steps.ts';
import { withoutBuildah } from './build-fixture.ts';
import { onShell, type Place, type Row } from './bad-input-row.ts';

const rows: Record<string, Row> = { ...registryRows, ...contentRows, ...stepRows };

describe('bad input', { skip: withoutBuildah() || withoutApt(), concurrency: 4 }, () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene();
  });
  after(() => scene?.stop());

  const placeOf = (name: string, t: { after(stop: () => Promise<void>): void }): Place => ({
    scene,
    name,
    repository: `${scene.server.host}/rows/${name}`,
    after: stop => t.after(stop),
  });

  test('an output repository with a tag is refused by the API server, and all stays as it was', async t => {
    const place = placeOf('tagged', t);
    const good = await onShell(place);
    await scene.apply(place.name, good);
    const before = await scene.becomes(place.name, 'built', isBuilt);
    const output = { repository: `${place.repository}:1` };
    await assert.rejects(
      scene.apply(place.name, { ...good, output }),
      (error: unknown) =>
        error instanceof ApiError &&
        error.reason === 'Invalid' &&
        /spec\.output\.repository: .*: must be a repository, without tag or digest: Scantling tags what it pushes/.test(
          error.message,
        ),
    );
    const { definition } = await scene.becomes(place.name, 'built', isBuilt);
    assert.deepEqual(definition.spec, before.definition.spec);
  });

  for (const [i, [name, row]] of Object.entries(rows).entries()) {
    test(name, async t => {
      try {
        await play(placeOf(`row-${i}`, t), row);
      } catch (error) {
        throw new Error(`the controller said:\n${scene.controllerLog()}`, { cause: error });
      }
    });
  }
});

async function play(place: Place, row: Row): Promise<void> {
  const { scene, name } = place;
  const good = await row.good(place);
  await scene.apply(name, good);
  const image = imageOf(await scene.becomes(name, 'built', isBuilt));

  const { bad, during, mend } = await row.spoil(place, good);
  await scene.apply(name, bad);
  await during?.();
  const seen = await scene.becomes(name, row.reason, seen => says(seen, row) && told(seen, row));
  const { message, is } = saidBy(seen[row.of]);
  assert.match(message, typeof row.message === 'function' ? row.message(place) : row.message);
  assert.equal(is, row.is);
  assert.equal(imageOf(seen), image, 'the last good image stays');
  await row.check?.(seen, place);

  const mended = await mend();
  if (mended) await scene.apply(name, mended);
  const done = await scene.becomes(name, 'mended', seen => isBuilt(seen) && imageOf(seen) !== image);
  assert.ok(isTrue(done.definition.status?.conditions, 'Ready'));
  for (const built of [image, imageOf(done)]) assert.ok(await scene.registry.resolve(built, row.credentials?.(place)));
  await row.finish?.(done, place);
}

/** The object that the row is about has the reason, and the definition speaks of its present spec. */
function says({ definition, build }: Seen, row: Row): boolean {
  const { generation } = definition.metadata;
  const isPresent = conditionOf(definition.status?.conditions, 'Ready')?.observedGeneration === generation;
  return isPresent && saidBy(row.of === 'build' ? build : definition).reason === row.reason;
}

/** The definition follows its build a moment later. */
function told(seen: Seen, { definition }: Row): boolean {
  if (!definition) return true;
  const said = saidBy(seen.definition);
  return said.reason === definition.reason && definition.message.test(said.message);
}

function imageOf({ definition: { status } }: Seen): string {
  assert.ok(status?.image, JSON.stringify(status));
  return status.image;
}
