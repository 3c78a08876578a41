import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureOf } from '../../controller/cli/failure.ts';
import { print } from '../../controller/cli/output.ts';
import { table } from '../../controller/cli/table.ts';
import { reviewLines } from '../../controller/cli/trust-review.ts';
import { RemoteError } from '../../controller/source/protocol.ts';
import { plainLines, plainText } from '../../controller/trust/plain-text.ts';
import { sink } from '../cli/sink.ts';

const evil = '\u001B[2J\u001B]52;c;cm0gLXJm\u0007\u009B1A\u202Egpj.\nok: trusted\r';
const isPlain = (text: string): void => {
  // oxlint-disable-next-line no-control-regex -- these are what must not be there.
  assert.doesNotMatch(text, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E]/);
};

function words(row: { say: string }): string {
  return `${table([row], [{ title: 'SAYS', of: r => r.say }]).join('\n')}\n${row.say}\n`;
}

describe('what others wrote', () => {
  it('moves no cursor and begins no line, in tables and in words', async () => {
    const out = sink();
    await print(out.stream, 'table', { say: evil }, words);
    isPlain(out.text());
    assert.equal(out.text().split('\n').length, 4);
  });

  it('is the same in JSON, where it is escaped', async () => {
    const out = sink();
    await print(out.stream, 'json', { say: evil, emoji: '👩\u200D🚀' }, () => '');
    isPlain(out.text());
    assert.deepEqual(JSON.parse(out.text()), { say: evil, emoji: '👩\u200D🚀' });
  });

  it('is plain in errors, whose own lines stay', () => {
    const { message } = failureOf(new Error(`first ${evil.split('\n')[0]}\n  second`));
    isPlain(message);
    assert.match(message, /^first .*\n {2}second$/);
    isPlain(new RemoteError(evil).message);
    assert.equal(plainLines('a\n\n  b'), 'a\n\n  b');
  });

  it('fills no line of a terminal so that the next one looks like ours', () => {
    const fake = ['bob', 'Fingerprint:  1111 2222', 'May sign:     nothing'].map(part => part.padEnd(80)).join('');
    for (const blank of [' ', '\u00A0', '\u2800', '\u3164']) {
      const lines = reviewLines({
        key: {
          kind: 'openPGP',
          fingerprint: 'a'.repeat(40),
          identities: [fake.replaceAll(' ', blank)],
          subkeys: ['b'.repeat(40)],
          text: '',
        },
        location: 'https://example.com/key',
        scope: 'all images (root)',
        policy: 'root',
      });
      const shown = lines.flatMap(line => line.match(/.{1,80}/gu) ?? []);
      assert.deepEqual(
        shown.filter(line => /^(?:Fingerprint|May sign)/.test(line)).map(line => line.slice(14)),
        ['all images (root)', 'AAAA '.repeat(10).trim()],
      );
      assert.match(lines.at(-1) ?? '', /^Fingerprint: /);
    }
    assert.equal(plainText('a  \u3164 b', 9), 'a b');
  });
});
