/** Every YAML block of the documentation is what it claims to be, by the API server's own word. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { decodeFile } from '../../controller/source/document.ts';
import { type DryRun, objectsOf, startDryRun } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { type Block, blocksOf, pages, root } from './markdown.ts';
import { asFromGit, claimOf, completed } from './yaml-blocks.ts';

const blocks = pages()
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'yaml' || language === 'yml');

/** What the operator reads from Git is read by its own parser as well, which says more than the schema. */
function decoded(object: KubeObject): KubeObject {
  if (object.kind !== 'SystemDefinition' && object.kind !== 'SystemPool') return object;
  const { failures } = decodeFile('block.yaml', Buffer.from(JSON.stringify(object)), false);
  assert.deepEqual(failures, []);
  return object;
}

describe('YAML blocks', () => {
  let api: DryRun;
  before(async () => {
    api = await startDryRun();
  });
  after(() => api?.stop());

  /** Objects of the block's text that the API server serves; throws unless these are `all` or at least one is not. */
  const served = ({ text }: Block, all: boolean): KubeObject[] => {
    const objects = objectsOf(text);
    const unknown = objects.filter(object => !api.serves(object)).map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
    if (all) assert.deepEqual(unknown, [], 'kinds that are not served: mark the block as `yaml foreign`');
    else assert.notDeepEqual(unknown, [], 'all kinds are served: the mark `foreign` keeps nothing from being tried');
    return objects.filter(object => api.serves(object));
  };

  const take = async (block: Block): Promise<KubeObject[]> => {
    const claim = claimOf(block);
    switch (claim.is) {
      case 'objects':
        return served(block, true).map(decoded);
      case 'foreign':
        return served(block, false);
      case 'git':
        return served(block, true).map(decoded).map(asFromGit);
      case 'fragment':
        return [completed(block.text, claim)].map(decoded).map(asFromGit);
      case 'values': {
        const chart = join(root, 'charts/scantling');
        const { stdout } = await helm(['template', 'scantling', chart, '--namespace=scantling-system', '--values=-'], {
          input: block.text,
        });
        return objectsOf(stdout).filter(object => api.serves(object));
      }
      case 'file':
        for (const { errors } of parseAllDocuments(block.text)) assert.deepEqual(errors, []);
        return [];
    }
  };

  const tryBlock = async (info: string, text: string) =>
    api.check(await take({ path: 'x.md', line: 1, language: 'yaml', info, text }));

  for (const block of blocks) {
    test(`${block.path}:${block.line} ${block.info}`.trim(), async () => {
      const objects = await take(block);
      if (objects.length > 0) assert.equal((await api.check(objects)).length, objects.length);
    });
  }

  test('a block that is not what it claims is found', async () => {
    await assert.rejects(tryBlock('', 'spec: {}'), /without apiVersion/);
    await assert.rejects(tryBlock('', 'apiVersion: example.com/v1\nkind: X\nmetadata: { name: x }'), /yaml foreign/);
    await assert.rejects(tryBlock('fragment', 'a: 1'), /is no kind of block/);
    await assert.rejects(tryBlock('fragment=SystemPool.spec', 'rollout: { maxUnavailabel: 1 }'), /maxUnavailabel/);
    await assert.rejects(tryBlock('fragment=SystemPool.spec', 'rollout: { maxUnavailable: many }'), /maxUnavailable/);
    await assert.rejects(tryBlock('values', 'noSuchValue: 1'), /noSuchValue/);
    await assert.rejects(
      tryBlock('foreign', 'apiVersion: v1\nkind: Secret\nmetadata: { name: x }'),
      /keeps nothing from being tried/,
    );
  });
});
