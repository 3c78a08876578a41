/** The context of a build is lost in the registry: only the definition can make it again. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionsOf } from '../../controller/api/conditions.ts';
import { TransientError } from '../../controller/api/errors.ts';
import { type Fleet, says, startFleet } from './fleet-fixture.ts';

describe('a context that is gone', () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await startFleet();
    await fleet.startController();
  });
  after(() => fleet.stop());

  it('is pushed again as soon as its build misses it, byte for byte', async () => {
    const repository = `${fleet.server.host}/out/forgetful`;
    const files = [{ path: '/etc/motd', content: 'hello\n' }];
    await fleet.apply('forgetful', { base: { image: fleet.base.image }, output: { repository }, files });
    const { status } = await fleet.until('forgetful', says('BuildPending'));
    const context = status?.contextDigest ?? '';
    await fleet.registry.deleteManifest(repository, context);
    const error = new TransientError('ContextNotFound', `context ${repository}@${context} not found`);
    const conditions = conditionsOf(undefined, 1, { kind: 'Failed', error }, new Date());
    await fleet.finishBuild(status?.latestBuild ?? '', { phase: 'Pending', observedGeneration: 1, conditions });
    await fleet.until('forgetful', definition => JSON.stringify(definition.status?.conditions).includes('not found'));
    assert.equal((await fleet.registry.resolve(`${repository}@${context}`)).digest, context);
  });
});
