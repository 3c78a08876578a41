/** That the programs are of the versions that are pinned, and that what we say about versions of Helm is what is tested. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { helm } from '../cluster/helm.ts';
import { supportedHelm } from './helm-versions.ts';
import { versionTable } from './version-tables.ts';

const root = join(import.meta.dirname, '../..');
const [oldest] = supportedHelm();

describe('the versions of Helm', () => {
  for (const { program, release } of supportedHelm())
    test(
      `${program} is Helm ${release}`,
      { skip: process.env['KUBEBUILDER_ASSETS'] ? 'given from elsewhere' : false },
      async () => {
        const { stdout } = await helm(['version', '--template={{ .Version }}'], { program });
        assert.equal(stdout.trim(), `v${release}`);
      },
    );

  test('in docs/versions.md are those that are tested', () => {
    assert.deepEqual(
      versionTable('Helm'),
      supportedHelm().map(({ minor, release }) => ({ minor, release })),
    );
  });

  for (const page of ['README.md', 'docs/install.md', 'docs/troubleshooting.md', 'CHANGELOG.md'])
    test(`${page} names no other as the oldest`, () => {
      const named = [...readFileSync(join(root, page), 'utf8').matchAll(/Helm (\d+\.\d+) or newer/g)].map(([, minor]) => minor);
      assert.ok(named.length > 0);
      assert.deepEqual([...new Set(named)], [oldest?.minor]);
    });
});
