import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { addonReasons } from '../../controller/addon/reasons.ts';
import { agentReasons } from '../../controller/agent/reasons.ts';
import { buildReasons } from '../../controller/build/reasons.ts';
import { advice, waitsForPerson } from '../../controller/cli/advice.ts';
import { partOf } from '../../controller/cli/part.ts';
import { statusOf } from '../../controller/cli/status-document.ts';
import { statusText } from '../../controller/cli/status-view.ts';
import { NoSuchObjectError, parseSubject, type Subject } from '../../controller/cli/subject.ts';
import { terminalOf } from '../../controller/cli/terminal.ts';
import { whyOf } from '../../controller/cli/why-document.ts';
import type { Chain } from '../../controller/cli/chain.ts';
import { UsageError } from '../../controller/command-line.ts';
import { definitionReasons } from '../../controller/definition/reasons.ts';
import { registryReasons } from '../../controller/registry/reasons.ts';
import { poolReasons } from '../../controller/rollout/reasons.ts';
import { sourceReasons } from '../../controller/source/reasons.ts';
import { judgementReasons, policyReasons } from '../../controller/trust/reasons.ts';
import {
  addon,
  build,
  chain,
  conditions,
  definition,
  digest,
  minutesAgo,
  now,
  pool,
  reference,
  revision,
  source,
  target,
} from './chain-fixture.ts';

const lease = (holderIdentity: string | null, renewTime: string): NonNullable<Chain['lease']> => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'scantling-controller' },
  spec: { holderIdentity, renewTime },
});

describe('the first line answers', () => {
  const table: [string, Partial<Chain>, RegExp, boolean][] = [
    ['all runs', {}, /^All is well: 2 of 2 nodes run what the pool wants\.$/, true],
    ['nothing is there', { sources: [], definitions: [], builds: [], pools: [], targets: [] }, /^Nothing is declared yet/, true],
    [
      'a rollout',
      { pools: [pool({ nodes: { total: 2, updated: 1 }, conditions: conditions('Moving', 'RollingOut', '1 of 2') })] },
      /^Moving: pool edge goes to main@sha1:bbbbbbbbbbbb; 1 of 2 nodes run what the pool wants\.$/,
      true,
    ],
    [
      'a build at work',
      { definitions: [definition({ conditions: conditions('Moving', 'Building', 'build edge-c') })] },
      /^Moving: edge; 2 of 2 nodes/,
      true,
    ],
    [
      'a refused document',
      { sources: [source({ conditions: conditions('Stalled', 'DocumentsRefused', 'edge/system.yaml:7: no') })] },
      /^In trouble: SystemSource systems; 2 of 2 nodes/,
      false,
    ],
    [
      'a Git server that is away',
      { sources: [source({ conditions: conditions('Retrying', 'GitServerUnavailable', 'refused') })] },
      /^In trouble: SystemSource systems/,
      false,
    ],
    [
      'an addon that is refused',
      { addons: [addon('runtime', { conditions: conditions('Stalled', 'ContentRefused', 'has /etc') })] },
      /^In trouble: SystemAddon runtime; 2 of 2 nodes/,
      false,
    ],
    [
      'nodes that wait for an addon that nobody makes',
      {
        addons: [],
        pools: [
          pool({
            addons: {
              problems: [{ reason: 'AddonsNotReady', message: 'there is no SystemAddon', nodes: 2, addons: ['runtime'] }],
            },
            conditions: conditions('Moving', 'AddonsNotReady', '0 of 2'),
          }),
        ],
      },
      /^In trouble: SystemPool edge;/,
      false,
    ],
    ['nobody leads', { lease: lease('', minutesAgo(0)) }, /^In trouble: the controller;/, false],
    ['there is no Lease', { lease: null }, /^In trouble: the controller;/, false],
    ['the leader is gone', { lease: lease('controller-1', minutesAgo(5)) }, /^In trouble: the controller;/, false],
    ['it was taken away', { lease: lease('uninstall-x', minutesAgo(1)) }, /^In trouble: the controller;/, false],
    [
      'a drain that is held up, and has time left',
      {
        pools: [
          pool({ nodes: { total: 2, updated: 1 }, conditions: conditions('Moving', 'DrainBlocked', 'node-1 cannot be drained') }),
        ],
        targets: [
          target('node-1', 'a', 'b', {
            rollout: {
              phase: 'Draining',
              reason: 'PodDisruptionBudget',
              message: 'default/web-0',
              since: minutesAgo(12),
              deadline: minutesAgo(-18),
            },
          }),
        ],
      },
      /^Moving: pool edge goes to /,
      true,
    ],
    [
      'a drain that has no time left',
      {
        targets: [
          target('node-1', 'a', 'b', {
            rollout: { phase: 'Failed', reason: 'DrainTimeout', message: 'could not be drained', since: minutesAgo(1) },
          }),
        ],
      },
      /^In trouble: Node node-1;/,
      false,
    ],
    [
      'a failed node',
      {
        targets: [
          target('node-1', 'a', 'b', {
            host: { phase: 'Idle', reportedAt: minutesAgo(1), booted: { digest: digest('a') } },
            rollout: { phase: 'Failed', reason: 'FellBack', message: 'runs the former image', since: minutesAgo(3) },
          }),
        ],
      },
      /^In trouble: Node node-1;/,
      false,
    ],
    [
      'a silent agent',
      {
        targets: [
          target('node-1', 'b', 'b', { host: { phase: 'Idle', reportedAt: minutesAgo(40), booted: { digest: digest('b') } } }),
        ],
      },
      /^In trouble: Node node-1;/,
      false,
    ],
  ];
  for (const [name, parts, first, ok] of table)
    test(name, () => {
      const document = statusOf(chain(parts), now);
      assert.match(document.summary, first);
      assert.equal(document.ok, ok);
      const text = statusText(document, { terminal: { color: false }, now, wide: false });
      assert.equal(text.split('\n')[0], document.summary);
    });
});

describe('what a person must do is trouble, to status and to why', () => {
  const missing = conditions('Moving', 'SecretNotFound', 'output.pushSecretRef: Secret registry not found');
  const table: [string, Partial<Chain>, Subject, RegExp][] = [
    [
      'a Secret that a definition waits for',
      { definitions: [definition({ conditions: missing })] },
      { kind: 'SystemDefinition', name: 'edge' },
      /^In trouble: SystemDefinition edge;/,
    ],
    [
      'a Secret that only a build waits for',
      {
        definitions: [definition({ conditions: conditions('Moving', 'BuildPending', 'edge-b waits') })],
        builds: [build('edge-b', 'b', { phase: 'Pending', conditions: missing })],
      },
      { kind: 'SystemDefinition', name: 'edge' },
      /^In trouble: ImageBuild edge-b;/,
    ],
    [
      'a definition that does not exist',
      { definitions: [], pools: [pool({ conditions: conditions('Moving', 'DefinitionNotReady', 'it does not exist') })] },
      { kind: 'SystemPool', name: 'edge' },
      /^In trouble: SystemPool edge;/,
    ],
    [
      'a base that does not exist',
      {
        definitions: [
          {
            ...definition(),
            spec: { ...definition().spec, base: { ...definition().spec.base, definitionRef: { name: 'base' } } },
          },
        ],
      },
      { kind: 'SystemDefinition', name: 'edge' },
      /^In trouble: SystemDefinition edge;/,
    ],
    ['a source that does not exist', { sources: [] }, { kind: 'SystemSource', name: '' }, /^In trouble: SystemDefinition edge;/],
    [
      'a budget that lets nothing start',
      { pools: [pool({ conditions: conditions('Moving', 'NoBudget', '1 of 2') })] },
      { kind: 'SystemPool', name: 'edge' },
      /^In trouble: SystemPool edge;/,
    ],
  ];
  for (const [name, parts, subject, first] of table)
    test(name, () => {
      const all = chain(parts);
      assert.match(statusOf(all, now).summary, first);
      assert.equal(whyOf(all, subject, now).ok, false);
    });
});

test('a Lease that was taken away is held no longer than it says', () => {
  const said = [3, 6].map(renewed => {
    const taken = lease('uninstall-x', minutesAgo(renewed));
    const held = { ...taken, spec: { ...taken.spec, leaseDurationSeconds: 300 } };
    return statusOf(chain({ lease: held }), now).trouble[0]?.message;
  });
  assert.match(said[0] ?? '', /holds the Lease for another 2m$/);
  assert.match(said[1] ?? '', /the last to hold the Lease was scantling uninstall .*none has come since/);
});

test('a node that two pools select is counted once', () => {
  const pools = [pool(), { ...pool({ nodes: { total: 2, updated: 0 } }), metadata: { name: 'second' } }];
  assert.match(statusOf(chain({ pools }), now).summary, /2 of 2 nodes run what their pools want/);
});

test('what is not known is left blank, and is no sentence', () => {
  const none = statusOf(
    chain({
      pools: [{ ...pool(), status: { conditions: conditions('Moving', 'DefinitionNotReady', 'no image yet') } }],
      definitions: [{ ...definition(), status: { conditions: conditions('Moving', 'Building', 'at work') } }],
      targets: [target('node-1', 'a', 'b', { conditions: [] })],
    }),
    now,
  );
  assert.match(none.summary, /^Moving: pool edge has no target yet/);
  assert.doesNotMatch(statusText(none, { terminal: { color: false }, now, wide: false }), /unknown|nothing known/);
});

test('who may read neither Nodes nor Leases sees the rest', () => {
  const { nodes: _, lease: __, ...rest } = chain();
  assert.match(statusOf(rest, now).summary, /^All is well/);
});

test('a document has always the same fields', () => {
  const document = statusOf(chain(), now);
  assert.deepEqual(Object.keys(document), [
    'kind',
    'ok',
    'summary',
    'trouble',
    'sources',
    'definitions',
    'builds',
    'pools',
    'nodes',
    'addons',
    'policies',
  ]);
  assert.deepEqual(document.pools[0], {
    name: 'edge',
    definition: 'edge',
    revision: revision('b'),
    image: `registry.example/os@${digest('b')}`,
    nodes: { total: 2, updated: 2, staged: 0, updating: 0, unavailable: 0, failed: 0 },
    state: 'Ready',
    reason: 'Updated',
    message: '2 of 2 nodes run it',
    since: minutesAgo(12),
  });
  assert.deepEqual(document.nodes[0], {
    name: 'node-1',
    pool: 'edge',
    runs: 'main@sha1:bbbbbbbbbbbb',
    wants: 'main@sha1:bbbbbbbbbbbb',
    booted: { revision: revision('b'), digest: digest('b') },
    target: { revision: revision('b'), image: reference('b') },
    done: true,
    state: 'Ready',
    reason: 'Booted',
    message: 'runs main@sha1:bbbbbbbbbbbb',
  });
});

const rows = (text: string): string[] => text.split('\n').filter(l => /^ {2}(edge|node|systems|NAME)/.test(l));

const namesIn = (c: Chain): string[] =>
  [c.sources, c.definitions, c.builds, c.pools, c.targets].map(l => l.map(o => o.metadata.name).join());

describe('the screen', () => {
  const troubled = chain({
    definitions: [definition({ conditions: conditions('Stalled', 'RenderFailed', `spec.files[0]: ${'long '.repeat(60)}`) })],
    builds: [build('edge-c', 'c', { phase: 'Building', conditions: conditions('Moving', 'Building', 'step 1/3') })],
    targets: [target('node-1', 'a', 'b'), target('node-2', 'b', 'b')],
  });
  const textOf = (width: number | undefined, o: { color?: boolean; wide?: boolean } = {}): string =>
    statusText(statusOf(troubled, now), {
      terminal: { color: o.color ?? false, ...(width === undefined ? {} : { width }) },
      now,
      wide: o.wide ?? false,
    });

  test('columns are cut to the terminal, and whole in a pipe', () => {
    for (const line of rows(textOf(120))) assert(line.length <= 120, line);
    assert(rows(textOf(120)).some(l => l.endsWith('…')));
    assert(rows(textOf(undefined)).every(l => !l.includes('…')));
    const wide = textOf(80, { wide: true });
    assert(rows(wide).every(l => !l.includes('…')));
    const whole = `${revision('a')} ${digest('a')} +${revision('b')} ${reference('b')}`;
    assert.match(wide, new RegExp(`^  node-1 +edge +${whole}`, 'm'));
    assert.match(wide, /^Builds$/m);
  });

  test('only nodes that are behind are shown, and all with wide', () => {
    assert.doesNotMatch(textOf(undefined), /node-2/);
    assert.match(textOf(undefined, { wide: true }), /node-2/);
    const one = statusText(statusOf(troubled, now), { terminal: { color: false }, now, wide: false, everyNode: true });
    assert.match(one, /^Nodes$[^]*node-2/m);
    assert.match(textOf(undefined), /scantling why definition\/edge says what to do/);
  });

  test('colours change nothing but the looks', () => {
    const plain = stripVTControlCharacters(textOf(100, { color: true }));
    assert.notEqual(textOf(100, { color: true }), textOf(100));
    assert.equal(plain.replaceAll(/ +$/gm, ''), textOf(100));
  });

  test('colours are for terminals, and not with NO_COLOR or a dumb one', () => {
    const tty = { isTTY: true, columns: 90 } as NodeJS.WriteStream;
    assert.deepEqual(terminalOf(tty, { TERM: 'xterm' }), { color: true, width: 90 });
    assert.equal(terminalOf(tty, { NO_COLOR: '1' }).color, false);
    assert.equal(terminalOf(tty, { TERM: 'dumb' }).color, false);
    assert.deepEqual(terminalOf({} as NodeJS.WriteStream, {}), { color: false });
  });
});

test('what KIND/NAME means', () => {
  const all = chain();
  for (const text of ['pool/edge', 'spool/edge', 'systempools/edge', 'SystemPool/edge', 'systempools.scantling.dev/edge'])
    assert.deepEqual(parseSubject(text, all), { kind: 'SystemPool', name: 'edge' });
  assert.deepEqual(parseSubject('node-1', all), { kind: 'Node', name: 'node-1' });
  assert.deepEqual(parseSubject('nt/node-1', all), { kind: 'Node', name: 'node-1' });
  assert.throws(() => parseSubject('edge', all), /several are called "edge": definition\/edge, pool\/edge/);
  assert.throws(() => parseSubject('pod/x', all), UsageError);
  assert.throws(
    () => parseSubject('def/edge', all),
    /KIND is source \(ssrc\), definition \(sysdef\), build \(ib\), pool \(spool\)/,
  );
  assert.throws(() => parseSubject('pool', all), /"pool" is a kind without a name; give pool\/NAME, where NAME is one of edge$/);
  assert.throws(() => parseSubject('pool/none', all), NoSuchObjectError);
  assert.throws(() => parseSubject('none', all), /nothing is called "none"/);
});

test('a part of the chain goes both ways', () => {
  const other = pool();
  const all = chain({
    pools: [pool(), { ...other, metadata: { name: 'office' }, spec: { ...other.spec, system: { image: 'a/b:1' } } }],
  });
  assert.deepEqual(namesIn(partOf(all, { kind: 'Node', name: 'node-1' })), ['systems', 'edge', 'edge-b', 'edge', 'node-1']);
  assert.deepEqual(namesIn(partOf(all, { kind: 'SystemSource', name: 'systems' })), [
    'systems',
    'edge',
    'edge-b',
    'edge',
    'node-1,node-2',
  ]);
  assert.deepEqual(namesIn(partOf(all, { kind: 'SystemPool', name: 'office' })), ['', '', '', 'office', '']);
  const sibling = chain({ pools: [pool(), { ...other, metadata: { name: 'second' } }] });
  for (const name of ['edge', 'second'])
    assert.equal(namesIn(partOf(sibling, { kind: 'SystemPool', name }))[3], name, 'not another pool of its definition');
  assert.equal(namesIn(partOf(sibling, { kind: 'SystemDefinition', name: 'edge' }))[3], 'edge,second');
  assert.deepEqual(namesIn(partOf(all, { kind: 'ImageBuild', name: 'edge-b' })), [
    'systems',
    'edge',
    'edge-b',
    'edge',
    'node-1,node-2',
  ]);
});

test('there is advice only for reasons that are given', () => {
  const given = {
    ...addonReasons,
    ...policyReasons,
    ...judgementReasons,
    ...sourceReasons,
    ...definitionReasons,
    ...buildReasons,
    ...poolReasons,
    ...agentReasons,
    ...registryReasons,
  };
  assert.deepEqual(
    Object.keys(advice).filter(reason => !(reason in given)),
    [],
  );
  assert.deepEqual(
    [...waitsForPerson].filter(reason => !(reason in advice)),
    [],
  );
});
