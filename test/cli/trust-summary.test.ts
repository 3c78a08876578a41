/** What `status` and `why` say of trust: its absence too. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Condition } from '../../controller/api/meta.ts';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import type { Chain } from '../../controller/cli/chain.ts';
import { statusOf } from '../../controller/cli/status-document.ts';
import { statusText } from '../../controller/cli/status-view.ts';
import { policyOf } from '../../controller/cli/trust-edit.ts';
import { whyOf } from '../../controller/cli/why-document.ts';
import { chain, conditions, definition, minutesAgo, now, pool, source } from './chain-fixture.ts';

const said = (type: string, status: Condition['status'], reason: string, message = 'words'): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: minutesAgo(3),
});
const authorities = [{ name: 'release', key: { data: 'x', transparencyLog: 'Ignored' as const } }];
const policy = (name: string, more: Partial<TrustPolicy['spec']> = {}, status: TrustPolicy['status'] = {}): TrustPolicy => {
  const made = policyOf(name, { scope: { prefix: `registry.example.com/${name}` }, authorities, ...more });
  return { ...made, status: { conditions: conditions('Ready', 'KeysRead', 'read'), ...status } };
};

describe('the first line says how it stands with trust', () => {
  const table: [string, Partial<Chain>, RegExp, boolean][] = [
    ['no policy', { policies: [] }, /^All is well: .*; trust: not configured, nothing is verified\.$/, true],
    [
      'only revocations',
      { policies: [policy('revoked', { authorities: [], revoked: [{ fingerprint: 'a'.repeat(40) }] })] },
      /; trust: not configured, nothing is verified\.$/,
      true,
    ],
    [
      'several modes',
      { policies: [policy('a'), policy('b'), policy('c', { mode: 'Warn' })] },
      /; trust: 3 policies \(2 Enforce, 1 Warn\)\.$/,
      true,
    ],
    ['skipped', { policies: [policy('a', { mode: 'Skip' })] }, /; trust: 1 policy \(1 Skip\)\.$/, true],
    [
      'a key to decide on',
      { policies: [policy('a', {}, { pendingKeys: [{ fingerprint: 'f' }] })] },
      /; trust: 1 policy \(1 Enforce\), 1 key to decide on\.$/,
      true,
    ],
    [
      'an image that is refused',
      {
        policies: [policy('a')],
        pools: [pool({ conditions: [...conditions('Ready', 'Updated', 'ok'), said('ImageTrusted', 'False', 'Untrusted')] })],
      },
      /^In trouble: SystemPool edge; .*; trust: 1 policy \(1 Enforce\), 1 refused\.$/,
      false,
    ],
    [
      'a commit that is refused',
      {
        policies: [policy('a')],
        sources: [
          source({ conditions: [...conditions('Stalled', 'Untrusted', 'no'), said('SourceVerified', 'False', 'Untrusted')] }),
        ],
      },
      /^In trouble: SystemSource systems; .*1 refused\.$/,
      false,
    ],
    [
      'one that is let through',
      {
        policies: [policy('a', { mode: 'Warn' })],
        definitions: [
          definition({ conditions: [...conditions('Ready', 'Succeeded', 'ok'), said('ImageTrusted', 'False', 'Warned')] }),
        ],
      },
      /^All is well: .*; trust: 1 policy \(1 Warn\), 1 let through by Warn\.$/,
      true,
    ],
    [
      'nodes that run what is refused',
      {
        policies: [policy('a')],
        pools: [
          pool({
            conditions: [...conditions('Ready', 'Updated', 'ok'), said('RunningUntrusted', 'True', 'Revoked', 'node-1 runs it')],
          }),
        ],
      },
      /^In trouble: SystemPool edge; .*, untrusted nodes in edge\.$/,
      false,
    ],
    [
      'a policy whose key cannot be read',
      { policies: [{ ...policy('a'), status: { conditions: conditions('Stalled', 'InvalidKey', 'release: no') } }] },
      /^In trouble: TrustPolicy a; /,
      false,
    ],
    ['policies that may not be read', {}, /^All is well: 2 of 2 nodes run what the pool wants\.$/, true],
  ];
  for (const [name, parts, first, ok] of table)
    test(name, () => {
      const document = statusOf(chain(parts), now);
      assert.match(document.summary, first);
      assert.equal(document.ok, ok);
      const text = statusText(document, { terminal: { color: false }, now, wide: false });
      assert.equal(text.split('\n')[0], document.summary);
      for (const { metadata } of parts.policies ?? []) assert.match(text, new RegExp(`^  ${metadata.name} `, 'm'));
    });
});

describe('why', () => {
  test('says what is refused, why, and what a person can do', () => {
    const refused = said('ImageTrusted', 'False', 'Untrusted', 'nobody whom TrustPolicy a names has signed it');
    const all = chain({ pools: [pool({ conditions: [...conditions('Moving', 'RollingOut', '1 of 2'), refused] })] });
    const { ok, answer, waits } = whyOf(all, { kind: 'SystemPool', name: 'edge' }, now);
    assert.equal(ok, false);
    assert.match(answer, /It waits for a person: Untrusted\.$/);
    assert.deepEqual([waits[0]?.reason, waits[0]?.message, waits[0]?.since], ['Untrusted', refused.message, minutesAgo(3)]);
    assert.match(waits[0]?.todo ?? '', /scantling trust add.*scantling verify/);
  });

  test('says of a commit that is refused what is missing', () => {
    const all = chain({ sources: [source({ conditions: conditions('Stalled', 'NoPolicy', 'no TrustPolicy covers it') })] });
    const { answer, waits } = whyOf(all, { kind: 'Node', name: 'node-1' }, now);
    assert.match(answer, /SystemSource systems waits for a person: NoPolicy\.$/);
    assert.match(waits[0]?.todo ?? '', /Add a TrustPolicy/);
  });

  test('a look-up that failed is tried again, and is no refusal', () => {
    const failed = said('ImageTrusted', 'Unknown', 'SignatureLookupFailed', 'the registry answered 503');
    const all = chain({ definitions: [definition({ conditions: [...conditions('Ready', 'Succeeded', 'ok'), failed] })] });
    assert.match(
      whyOf(all, { kind: 'SystemDefinition', name: 'edge' }, now).answer,
      /failed and is tried again: SignatureLookupFailed/,
    );
  });

  test('what no policy asks for is no trouble', () => {
    const nothing = said('ImageTrusted', 'Unknown', 'NotConfigured');
    const all = chain({ pools: [pool({ conditions: [...conditions('Ready', 'Updated', 'ok'), nothing] })] });
    assert.equal(whyOf(all, { kind: 'SystemPool', name: 'edge' }, now).ok, true);
  });

  test('says of a policy what it governs', () => {
    const all = chain({ policies: [policy('a', { revoked: [{ fingerprint: 'f' }] }, { pendingKeys: [{ fingerprint: 'g' }] })] });
    const { answer } = whyOf(all, { kind: 'TrustPolicy', name: 'a' }, now);
    assert.equal(
      answer,
      'TrustPolicy a governs images at and below registry.example.com/a with mode Enforce and 1 authority, revokes 1 key, has 1 key to decide on (scantling trust list).',
    );
  });
});
