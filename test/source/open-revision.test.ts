/** Which revisions a definition may read: what its source has applied, and what is allowed by itself; and that no revision is believed that somebody has written. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { appliedMark } from '../../controller/api/applied-mark.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { signHead } from '../cluster/signed-commits.ts';
import { until } from '../kube/until.ts';
import { ed25519Key, publicLine } from '../trust/commits/sshsig.ts';
import { type RunningController, type SourceWorld, definitionYaml, startSourceWorld } from './source-fixture.ts';

let world: SourceWorld;
let controller: RunningController;
before(async () => {
  world = await startSourceWorld();
  controller = await world.startController();
});
after(async () => {
  await controller.stop();
  await world.stop();
});

const alice = ed25519Key();
const revisionOf = (oid: string): string => `main@sha1:${oid}`;
const somebody = { name: 'by-hand' };

/** A source that asks for alice's signature, with a signed commit that is applied. */
async function signedSource(name: string): ReturnType<SourceWorld['source']> {
  const data = { allowed_signers: Buffer.from(`alice ${publicLine(alice)}\n`).toString('base64') };
  const metadata = { name: 'signers', namespace: defaultNamespace };
  await world.admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data }, { fieldManager: 'test' });
  const files = { 'a.yaml': definitionYaml(name, '  files: [{ from: motd, path: /etc/motd }]\n'), motd: 'good\n' };
  const git = await world.source(name, files, { verify: { mode: 'Head', secretRef: { name: 'signers' } } });
  await world.ready(name, 'Succeeded', await signHead(git, alice));
  return git;
}

async function read(source: string, oid: string, by: Parameters<RunningController['openRevision']>[2]): Promise<string> {
  const tree = await controller.openRevision(source, revisionOf(oid), by);
  const entry = await tree.entry('motd');
  return entry ? Buffer.from((await tree.read([entry])).get(entry.oid) ?? []).toString() : '';
}

/** What the source has noted of the definition of its name. */
async function noted(name: string): Promise<string | undefined> {
  return (await world.get(name)).status?.inventory?.find(entry => entry.name === name)?.applied;
}

describe('a revision', () => {
  it('that nobody has signed is not read, whichever branch it was pushed to, and one that is signed is', async () => {
    const git = await signedSource('gate');
    const good = (await git.head()) ?? '';
    assert.equal(await read('gate', good, somebody), 'good\n');
    const evil = await git.commit({ motd: 'evil\n' }, 'nobody has signed this', { branch: 'evil', parent: good });
    await assert.rejects(read('gate', evil, somebody), (error: Error & { reason?: string }) => {
      assert.equal(error.reason, 'Untrusted');
      assert.match(
        error.message,
        /^spec\.sourceRef: SystemSource gate has not applied main@sha1:.* is not signed; .*leave revision out/,
      );
      return true;
    });
    await git.commit({ motd: 'pinned\n' }, 'signed, and not applied', { branch: 'next', parent: good });
    const pinned = await signHead(git, alice, 'next');
    assert.equal(await read('gate', pinned, somebody), 'pinned\n');
    // What was applied before stays readable for what is pinned to it, and for nobody else.
    await git.commit({ 'b.yaml': definitionYaml('gate-b') }, 'another definition');
    const now = await signHead(git, alice);
    await world.ready('gate', 'Succeeded', now);
    await world.patch('gate', { verify: { mode: 'Head', secretRef: { name: 'other-signers' } } });
    const definition = await world.definition('gate');
    assert.equal(definition?.spec.sourceRef?.revision, revisionOf(good));
    assert.equal(await read('gate', good, definition.metadata), 'good\n');
    await assert.rejects(read('gate', good, { ...definition.metadata, uid: 'made again', generation: 1 }), {
      reason: 'SecretNotFound',
    });
    await world.remove('gate');
  });

  it('that somebody writes into what a source applied is put right, and a definition is noted only as its document has it', async () => {
    const git = await signedSource('noted');
    const good = (await git.head()) ?? '';
    const before = await world.definition('noted');
    assert.equal(await noted('noted'), appliedMark(before?.metadata ?? {}));
    const evil = await git.commit({ motd: 'evil\n' }, 'nobody has signed this', { branch: 'evil', parent: good });
    const changes = [{ sourceRef: { revision: revisionOf(evil) } }, { containerfile: { inline: 'RUN evil\n' } }];
    for (const spec of changes) {
      const edited = await world.admin.mergePatch(systemdefinitions, 'noted', { spec }, { fieldManager: 'somebody' });
      assert.notEqual(appliedMark(edited.metadata), await noted('noted'));
      await until('the definition is as its document has it, and noted', async () => {
        const now = await world.definition('noted');
        const isRight = now?.spec.sourceRef?.revision === revisionOf(good) && now.spec.containerfile === undefined;
        return isRight && (await noted('noted')) === appliedMark(now.metadata);
      });
    }
    // Arguments of a build may be given by hand; what is built with them is not what the document says.
    await world.admin.mergePatch(
      systemdefinitions,
      'noted',
      { spec: { build: { args: { WHO: 'evil' } } } },
      { fieldManager: 'somebody' },
    );
    await until('it is noted no more', async () => (await noted('noted')) === undefined);
    await world.remove('noted');
  });
});
