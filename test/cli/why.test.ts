import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chain } from '../../controller/cli/chain.ts';
import type { Subject } from '../../controller/cli/subject.ts';
import { whyOf, type WhyDocument } from '../../controller/cli/why-document.ts';
import { whyText } from '../../controller/cli/why-view.ts';
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

const view = { terminal: { color: false }, now, wide: false };

interface Case {
  name: string;
  parts?: Partial<Chain>;
  subject: Subject;
  answer: RegExp;
  ok: boolean;
  /** Of the wait that matters. */
  wait?: Partial<WhyDocument['waits'][number]>;
  text?: RegExp;
}

const node: Subject = { kind: 'Node', name: 'node-1' };
const rollout = (phase: 'Draining' | 'Failed', reason: string, message: string, deadline?: string) => ({
  host: { phase: 'Staged' as const, reportedAt: minutesAgo(1), booted: { digest: digest('a'), revision: revision('a') } },
  rollout: { phase, reason, message, since: minutesAgo(12), ...(deadline === undefined ? {} : { deadline }) },
});

/** A pool with one addon, and a node that has merged it, or failed to. */
function withAddons(state: 'Merged' | 'Partial' = 'Merged'): Partial<Chain> {
  const image = `registry.example/runtime@${digest('a')}`;
  const [set, from] = [digest('5'), 'pool' as const];
  const trust = {
    decision: 'Trusted' as const,
    reason: 'Trusted',
    message: 'signed by release',
    digest: digest('a'),
    basis: 'b',
  };
  const told = { image, trust: { ...trust, policy: 'release', generation: 3 } };
  const one = target('node-1', 'b', 'b');
  const spoiled = { state: 'Quarantined' as const, reason: 'Spoiled', message: 'is damaged' };
  const entry = { name: 'runtime', digest: digest('f'), ...(state === 'Merged' ? { state } : spoiled) };
  const host = { ...one.status?.host, addons: { set, state, since: minutesAgo(5), entries: [entry] } };
  const spec = { ...one.spec, addonSet: set, addons: [{ name: 'runtime', image, digest: digest('f'), size: 1 }] };
  return {
    addons: [addon('runtime')],
    pools: [
      pool({
        addons: {
          entries: [{ name: 'runtime', addon: 'runtime', from }],
          sets: [{ set, nodes: 1, addons: [{ name: 'runtime', image, from }] }],
          artifacts: [told],
        },
      }),
    ],
    targets: [{ ...one, spec, status: { ...one.status, host } }],
  };
}

const cases: Case[] = [
  {
    name: 'a node with addons, and who let them be there',
    parts: withAddons(),
    subject: node,
    answer: /^node-1 runs main@sha1:b{12} \(sha256:b{12}\), which is what SystemPool edge wants, with runtime over it\.$/,
    ok: true,
    text: /SystemAddon +runtime +is to run as sha256:a{12} \(Trusted by TrustPolicy release, generation 3: signed by release\); has 1 of 1 variant made/,
  },
  {
    name: 'a node that runs its addons in part',
    parts: withAddons('Partial'),
    subject: node,
    answer: /; not all of its addons are merged: runtime: Spoiled: is damaged\. It waits for a person: AddonsFailed\.$/,
    ok: false,
    wait: { kind: 'Node', reason: 'AddonsFailed', since: minutesAgo(5) },
  },
  {
    name: 'a pool whose nodes wait for an addon that nobody makes',
    parts: {
      addons: [addon('runtime')],
      pools: [
        pool({
          addons: {
            problems: [{ reason: 'AddonsNotReady', message: 'addon runtime: no variant', nodes: 2, addons: ['runtime'] }],
          },
          conditions: conditions('Moving', 'AddonsNotReady', '0 of 2'),
        }),
      ],
    },
    subject: { kind: 'SystemPool', name: 'edge' },
    answer: /; 2 nodes held for addons\. It waits for a person: AddonsNotReady\.$/,
    ok: false,
    wait: { kind: 'SystemPool', reason: 'AddonsNotReady', message: 'addon runtime: no variant' },
    text: /SystemAddon +runtime +has 1 of 1 variant made/,
  },
  {
    name: 'an addon that is refused',
    parts: { addons: [addon('runtime', { ready: '0/1', conditions: conditions('Stalled', 'ContentRefused', 'has /etc') })] },
    subject: { kind: 'SystemAddon', name: 'runtime' },
    answer: /^SystemAddon runtime has 0 of 1 variant made\. It waits for a person: ContentRefused\.$/,
    ok: false,
  },
  {
    name: 'a node that runs what it should',
    subject: node,
    answer: /^node-1 runs main@sha1:bbbbbbbbbbbb \(sha256:bbbbbbbbbbbb\), which is what SystemPool edge wants\.$/,
    ok: true,
    text: /SystemSource +systems +has applied main@sha1:bbbbbbbbbbbb of https:\/\/git\.example\/systems\.git/,
  },
  {
    name: 'a drain that a budget holds up',
    parts: {
      targets: [target('node-1', 'a', 'b', rollout('Draining', 'PodDisruptionBudget', 'default/web-0', minutesAgo(-18)))],
      pools: [pool({ conditions: conditions('Moving', 'DrainBlocked', 'node-1 cannot be drained') })],
    },
    subject: node,
    answer: /^node-1 runs main@sha1:a{12} .*, and is to run main@sha1:b{12}\. It is held up: PodDisruptionBudget\.$/,
    ok: true,
    wait: { kind: 'Node', reason: 'PodDisruptionBudget', since: minutesAgo(12), until: minutesAgo(-18) },
    text: /since: 12m .*\n +until: 18m from now .*\n +to do: Make the workload healthy/,
  },
  {
    name: 'a node that failed',
    parts: { targets: [target('node-1', 'a', 'b', rollout('Failed', 'FellBack', 'runs the former image'))] },
    subject: node,
    answer: /It waits for a person: FellBack\.$/,
    ok: false,
    wait: { state: 'Stalled', reason: 'FellBack' },
  },
  {
    name: 'a node whose commit is stuck at the source',
    parts: {
      sources: [
        source({
          lastAppliedRevision: revision('b'),
          lastAttemptedRevision: revision('d'),
          failures: [{ file: 'edge/system.yaml', line: 7, message: 'unknown field "fils"' }],
          conditions: conditions('Stalled', 'DocumentsRefused', 'edge/system.yaml:7'),
        }),
      ],
    },
    subject: node,
    answer: /wants\. SystemSource systems waits for a person: DocumentsRefused\.$/,
    ok: false,
    text: /not yet main@sha1:d{12} .*; it refuses edge\/system\.yaml:7: unknown field "fils"/,
  },
  {
    name: 'a node whose newest build failed, and which one made what it runs',
    parts: {
      definitions: [definition({ latestBuild: 'edge-c', conditions: conditions('Stalled', 'BuildFailed', 'edge-c failed') })],
      builds: [
        build('edge-b', 'b'),
        build('edge-c', 'c', {
          phase: 'Failed',
          attempts: 3,
          failure: { step: `RUN false${' && true'.repeat(50)}`, exitCode: 1, message: 'no' },
          conditions: conditions('Stalled', 'BuildFailed', 'RUN false'),
        }),
      ],
    },
    subject: node,
    answer: /SystemDefinition edge waits for a person: BuildFailed\.$/,
    ok: false,
    text: /to do: Read the output with scantling logs edge-c and correct[^]*edge-c +failed from main@sha1:c{12} in "RUN false[^"]{1,60}…" with exit code 1 after 3 attempts\n +ImageBuild +edge-b +made sha256:b{12}/,
  },
  {
    name: 'a node that no pool selects',
    parts: {
      targets: [],
      nodes: [{ name: 'node-1', ready: true, unschedulable: false, labels: {} }],
    },
    subject: node,
    answer: /^node-1 is not managed\. It has ended: NoPool\.$|^node-1 is not managed\./,
    ok: true,
    wait: { reason: 'NoPool', todo: 'Label the node so that a SystemPool selects it, or widen a nodeSelector.' },
  },
  {
    name: 'a pool whose definition is gone',
    parts: { definitions: [] },
    subject: { kind: 'SystemPool', name: 'edge' },
    answer: /^SystemPool edge wants .*: 2 of 2 nodes run it\. SystemDefinition edge waits for a person: Gone\.$/,
    ok: false,
  },
  {
    name: 'a pool that is suspended',
    parts: {
      pools: [
        pool({
          conditions: [
            { type: 'Ready', status: 'False', reason: 'Suspended', message: 'suspended', lastTransitionTime: minutesAgo(1) },
          ],
        }),
      ],
    },
    subject: { kind: 'SystemPool', name: 'edge' },
    answer: /SystemPool edge wants .* It is suspended\.$/,
    ok: true,
    wait: { reason: 'Suspended', todo: 'Unset spec.suspend when it is to go on.' },
  },
  {
    name: 'a build at work, until its time is over',
    parts: {
      builds: [
        build('edge-c', 'c', {
          phase: 'Building',
          startTime: minutesAgo(10),
          attempts: 1,
          attemptsLeft: 2,
          conditions: conditions('Moving', 'Building', 'step 1/3'),
        }),
      ],
    },
    subject: { kind: 'ImageBuild', name: 'edge-c' },
    answer: /^ImageBuild edge-c is at work from main@sha1:c{12}, attempt 1, 2 left\. It is at work: Building\.$/,
    ok: true,
    wait: { until: new Date(now + 20 * 60_000).toISOString() },
  },
  {
    name: 'a definition without an image',
    parts: {
      definitions: [{ ...definition(), status: { conditions: conditions('Retrying', 'RegistryUnavailable', 'refused') } }],
      builds: [],
    },
    subject: { kind: 'SystemDefinition', name: 'edge' },
    answer: /^SystemDefinition edge has no image yet\. It failed and is tried again: RegistryUnavailable\.$/,
    ok: false,
  },
  {
    name: 'a source that nobody has looked at',
    parts: { sources: [{ ...source(), status: {} }] },
    subject: { kind: 'SystemSource', name: 'systems' },
    answer: /^SystemSource systems has applied nothing yet of .*\. No controller has looked at it yet\.$/,
    ok: false,
  },
];

for (const { name, parts, subject, answer, ok, wait, text } of cases)
  test(name, () => {
    const document = whyOf(chain(parts), subject, now);
    assert.match(document.answer, answer);
    assert.equal(document.ok, ok);
    if (wait)
      assert(
        document.waits.some(w => Object.entries(wait).every(([key, value]) => w[key as keyof typeof w] === value)),
        JSON.stringify(document.waits),
      );
    const said = whyText(document, view);
    assert.equal(said.split('\n')[0], document.answer);
    if (text) assert.match(said, text);
  });

test('a document has always the same fields', () => {
  const document = whyOf(chain(), node, now);
  assert.deepEqual(Object.keys(document), ['kind', 'subject', 'ok', 'answer', 'waits', 'chain']);
  assert.deepEqual(
    document.chain.map(l => l.kind),
    ['Node', 'SystemPool', 'ImageBuild', 'SystemDefinition', 'SystemSource'],
  );
  assert.equal(pool().status?.target?.image, reference('b'));
});
