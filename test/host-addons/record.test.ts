/** The record has two readers, the agent's and the boot script's: what one refuses the other refuses. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRecord, parseRecord, RecordFormatError } from '../../controller/agent/addons/record.ts';
import type { AddonRecord } from '../../controller/agent/addons/record.ts';

const parts = join(import.meta.dirname, '../../controller/host-addons/scripts/addons');
const deployment = '1a'.repeat(32);

/** Prints what the script makes of each of the files NAME, NAME, …: its addons and services, or `refused`. */
const script = `set -euf; LC_ALL=C
for part in paths text record; do . "$0/$part.sh"; done
directory=$1 deployment=$2; shift 2
for name in "$@"; do
  if take_record "$directory/$name" "$directory"; then
    printf "%s\\n" "$record_image \${record_set:-none} $(cat "$directory/addons" "$directory/services" | tr '\\n' '|')"
  else echo refused; fi
done`;

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const unit = fc.stringMatching(/^[A-Za-z0-9:_.\\@-]{1,20}\.service$/);
const addon = fc.record({
  name,
  digest: digest.map(hex => `sha256:${hex}`),
  size: fc.integer({ min: 1, max: 10 ** 12 }),
  services: fc.array(unit, { maxLength: 3 }),
});
const record: fc.Arbitrary<AddonRecord> = fc
  .record({ image: digest, set: digest, addons: fc.uniqueArray(addon, { maxLength: 5, selector: each => each.name }) })
  .map(({ image, set, addons }) => ({
    image: `sha256:${image}`,
    deployment,
    ...(addons.length > 0 ? { set: `sha256:${set}` } : {}),
    addons,
  }));

/** Changes of the lines before the digest, which is then made to fit; or of the text with its digest. */
const damage = fc.oneof(
  fc.constant((text: string) => text),
  fc.nat().map(at => (text: string) => text.slice(0, at % text.length)),
  fc.tuple(fc.nat(), fc.constantFrom('a', 'z', '0', ' ', '\n', '-')).map(([at, c]) => (text: string) => {
    const i = at % text.length;
    return `${text.slice(0, i)}${c}${text.slice(i + 1)}`;
  }),
  fc
    .tuple(fc.nat(), fc.constantFrom('addon', 'addon a b c', 'services x y.service', 'set', 'later 1', '', 'services a', 'end'))
    .map(
      ([at, line]) =>
        (text: string) =>
          sealed(
            text
              .split('\n')
              .slice(0, -2)
              .toSpliced(1 + (at % 6), 0, line),
          ),
    ),
  fc.nat().map(
    at => (text: string) =>
      sealed(
        text
          .split('\n')
          .slice(0, -2)
          .toSpliced(at % 8, 1),
      ),
  ),
  fc.constant((text: string) => sealed(text.replaceAll(deployment, '2b'.repeat(32)).split('\n').slice(0, -2))),
);

function sealed(lines: readonly string[]): string {
  const body = lines.map(line => `${line}\n`).join('');
  return `${body}end ${createHash('sha256').update(body).digest('hex')}\n`;
}

function expected(text: string): string {
  try {
    const parsed = parseRecord(text);
    if (parsed.deployment !== deployment) return 'refused';
    const addons = parsed.addons.map(each => `${each.name} ${each.digest.slice(7)} ${each.size}|`);
    const services = parsed.addons.flatMap(each =>
      each.services.length > 0 ? [`${each.name} ${each.services.join(' ')}|`] : [],
    );
    return `${parsed.image} ${parsed.set ?? 'none'} ${[...addons, ...services].join('')}`;
  } catch (error) {
    if (!(error instanceof RecordFormatError)) throw error;
    return 'refused';
  }
}

test(
  'the boot script reads records as the agent does, and refuses the same',
  { skip: process.platform !== 'linux' && 'needs coreutils' },
  t => {
    const directory = mkdtempSync(join(tmpdir(), 'records-'));
    t.after(() => {
      rmSync(directory, { recursive: true });
    });
    const texts = fc
      .sample(fc.tuple(record, damage), { numRuns: 300, seed: 7 })
      .map(([each, change]) => change(formatRecord(each)));
    const names = texts.map((text, i) => {
      writeFileSync(join(directory, `r${i}`), text);
      return `r${i}`;
    });
    const { stdout, stderr, status } = spawnSync('sh', ['-c', script, parts, directory, deployment, ...names], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const found = stdout.trimEnd().split('\n');
    for (const [i, text] of texts.entries())
      assert.equal(
        found[i]?.trimEnd(),
        expected(text).trimEnd(),
        `${text}\n${readFileSync(join(directory, `r${i}`), 'utf8').length}`,
      );
    assert.ok(found.filter(each => each === 'refused').length > 50);
    assert.ok(found.filter(each => each !== 'refused').length > 50);
  },
);
