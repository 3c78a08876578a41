/** How often a record is booted that no agent has proven, by the script itself in every shell of this machine; on hosts that boot it is tried elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatRecord } from '../../controller/agent/addons/record.ts';

const parts = join(import.meta.dirname, '../../controller/host-addons/scripts/addons');
const deployment = '1a'.repeat(32);
const shells = ['sh', 'bash', 'dash'].filter(shell => spawnSync(shell, ['-c', ':']).status === 0);

/** One boot: chooses, counts where the chosen one is the current one, and says which it was. Twice, as the unit does where the first is killed. */
const script = `set -euf; LC_ALL=C
for part in paths text record trial; do . "$0/$part.sh"; done
records=$1 deployment=$2 state=$(mktemp -d) key="boot 0 $2"
for run in 1 2; do
  mkdir "$state/$run"
  choose_record "$state/$run"
  if [ "$kind" = current ]; then count_try; fi
done
rm -r "$state"
printf '%s' "$kind \${record_problem:+$record_reason}"`;

/** One that is known by two digits. */
function recordOf(set: string): string {
  const digest = `sha256:${set.repeat(32)}`;
  const addons = [{ name: 'tool', digest, size: 1, services: [] }];
  return formatRecord({ image: `sha256:${'9c'.repeat(32)}`, deployment, set: digest, addons });
}

for (const shell of shells) {
  test(`${shell}: a record that is not proven is booted three times, then the one before`, t => {
    const records = mkdtempSync(join(tmpdir(), 'trial-'));
    t.after(() => rmSync(records, { recursive: true }));
    const write = (kind: string, text: string): void => writeFileSync(join(records, `${deployment}${kind}`), text);
    const boots = (count: number): string[] =>
      Array.from({ length: count }, () => execFileSync(shell, ['-c', script, parts, records, deployment], { encoding: 'utf8' }));
    const [current, before, damaged] = ['current ', 'before GivenUp', 'before RecordDamaged'];
    write('', recordOf('02'));
    assert.deepEqual(boots(5), Array(5).fill(current), 'nothing is before it');
    write('.before', recordOf('01'));
    assert.deepEqual(boots(5), [current, current, current, before, before]);
    // Another record begins anew, and what is before is not used where it cannot be read.
    write('', recordOf('03'));
    assert.deepEqual(boots(4), [current, current, current, before]);
    write('.before', 'scantling addons 1\n');
    assert.deepEqual(boots(2), [current, current]);
    write('.before', recordOf('01'));
    write('', recordOf('04').slice(0, -3));
    assert.deepEqual(boots(4), Array(4).fill(damaged));
    // What is no count is none.
    write('', recordOf('05'));
    const [end = ''] = recordOf('05').split('end ').slice(-1);
    for (const count of ['', '08', '100', '-1', 'x', '$(reboot)', '3; echo']) {
      write('.tries', `${end.trim()} ${count}\n`);
      assert.deepEqual(boots(1), [current], count);
    }
    write('.tries', `${end.trim()} 3\n`);
    assert.deepEqual(boots(1), [before]);
  });
}
