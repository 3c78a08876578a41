/** The receiver on its own: what it answers, and when it asks for a poll. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetch } from 'undici';
import { StallingError } from '../../controller/api/errors.ts';
import { Store } from '../../controller/kube/store.ts';
import type { HookedView } from '../../controller/source/projection.ts';
import { startWebhooks } from '../../controller/source/webhook.ts';
import { WebhookPace } from '../../controller/source/webhook-pace.ts';
import { WebhookTokens, webhookTokenOf } from '../../controller/source/webhook-tokens.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { metrics } from '../../controller/telemetry/metrics.ts';
import { until } from '../kube/until.ts';

const token = 'a token of some length';

function view(name: string, more: Partial<HookedView> = {}): HookedView {
  const webhook = { provider: 'GitLab', secret: name } as const;
  return { name, uid: name, resourceVersion: '1', suspended: false, ref: 'refs/heads/main', webhook, ...more };
}

const seriesOf = async (source: string) =>
  (await metrics.webhookRequests.get()).values.filter(({ labels }) => 'source' in labels && labels.source === source);

async function receiver(
  t: TestContext,
  o: { pauseMs?: number; fail?: boolean; refusalMs?: number; reading?: () => Promise<void> } = {},
) {
  const sources = new Store<HookedView>();
  sources.synced = true;
  sources.set(view('systems'));
  sources.set(view('paused', { suspended: true }));
  const { webhook: _, ...unhooked } = view('unhooked');
  sources.set(unhooked);
  sources.set(view('nosecret'));
  const current = { token };
  const [polls, lines]: [string[], string[]] = [[], []];
  const running = await startWebhooks({
    address: '127.0.0.1:0',
    sources,
    tokens: new WebhookTokens({
      read: async secret => {
        await o.reading?.();
        if (secret === 'nosecret') throw new StallingError('SecretNotFound', 'Secret nosecret does not exist');
        return current.token;
      },
      now: () => performance.now(),
      againMs: 0,
    }),
    poll: async source => {
      polls.push(source);
      return o.fail ? Promise.reject(new Error('no API server')) : Promise.resolve();
    },
    log: createLog('debug', line => void lines.push(line)),
    now: () => performance.now(),
    pauseMs: o.pauseMs ?? 0,
    refusalMs: o.refusalMs ?? 1,
    bodyMs: 300,
  });
  t.after(() => running.stop());
  const call = async (path: string, init: { body?: string | Uint8Array; token?: string; method?: string } = {}) => {
    const response = await fetch(`http://${running.address}${path}`, {
      method: init.method ?? 'POST',
      headers: { 'x-gitlab-token': init.token ?? token, 'x-gitlab-event': 'Push Hook' },
      ...(init.method === 'GET' ? {} : { body: init.body ?? '{"ref":"refs/heads/main"}' }),
    });
    return { status: response.status, text: await response.text(), headers: [...response.headers.keys()].toSorted() };
  };
  /** A call as bytes: all that came back when the other end closed. */
  const raw = (text: string) => {
    const socket = connect(Number(running.address.split(':').at(-1)), '127.0.0.1');
    t.after(() => socket.destroy());
    const seen = { text: '', ended: false, at: 0 };
    socket.on('data', chunk => ((seen.text += chunk.toString()), (seen.at ||= performance.now())));
    socket.on('close', () => (seen.ended = true));
    socket.on('error', () => {
      // The receiver may end the connection while there is more to send.
    });
    socket.write(text);
    return { socket, seen };
  };
  return { sources, polls, lines, call, running, raw, current };
}

test('a push to the ref asks for a poll; another ref, another event and a suspended source do not', async t => {
  const { call, polls } = await receiver(t);
  assert.equal((await call('/hooks/systems')).status, 202);
  assert.deepEqual(polls, ['systems']);
  assert.equal((await call('/hooks/systems', { body: '{"ref":"refs/heads/other"}' })).status, 202);
  assert.equal((await call('/hooks/paused')).status, 202);
  assert.deepEqual(polls, ['systems']);
});

test('whatever is wrong with a call, its answer is the same', async t => {
  const { call, polls, lines } = await receiver(t);
  const wrong = await Promise.all([
    call('/hooks/systems', { token: 'wrong' }),
    call('/hooks/systems', { token: 'wrong' }),
    call('/hooks/unhooked'),
    call('/hooks/nosecret'),
    call('/hooks/nobody'),
    call('/hooks/'),
    call('/hooks/systems%00'),
    call('/hooks/systems/x'),
  ]);
  for (const answer of wrong) assert.deepEqual(answer, wrong[0]);
  assert.deepEqual([wrong[0]?.status, wrong[0]?.text], [401, 'refused\n']);
  assert.deepEqual(polls, []);
  const said = lines.filter(line => line.includes('was refused'));
  assert.deepEqual(said.map(line => (JSON.parse(line) as { source: string }).source).toSorted(), ['nosecret', 'systems']);
  assert.ok(!lines.join('').includes('wrong'));
});

test('only POST, only hooks, only bodies of a mebibyte at most', async t => {
  const { call, polls } = await receiver(t);
  assert.equal((await call('/hooks/systems', { method: 'GET' })).status, 405);
  assert.equal((await call('/metrics')).status, 404);
  assert.equal((await call('/hooks/nobody', { body: Buffer.alloc(1024 * 1024 + 1) })).status, 413);
  assert.equal((await call('/hooks/systems', { body: Buffer.alloc(1024 * 1024, ' ') })).status, 202);
  assert.equal(polls.length, 1);
});

test('a body without an announced length is cut off at the limit, and a call that breaks off is none', async t => {
  const { polls, running, call } = await receiver(t);
  const port = Number(running.address.split(':').at(-1));
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let answer = '';
  socket.on('data', chunk => (answer += chunk.toString()));
  socket.on('error', () => {
    // The receiver may end the connection while there is more to send.
  });
  socket.write('POST /hooks/systems HTTP/1.1\r\nhost: x\r\nx-gitlab-token: y\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = Buffer.alloc(256 * 1024, 'x');
  for (let i = 0; i < 5; i++)
    socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
  await until('the answer', () => answer.includes('413'));
  const broken = connect(port, '127.0.0.1');
  broken.write('POST /hooks/systems HTTP/1.1\r\nhost: x\r\nx-gitlab-token: y\r\ncontent-length: 100\r\n\r\n{"ref"', () =>
    broken.destroy(),
  );
  assert.equal((await call('/hooks/systems')).status, 202);
  assert.deepEqual(polls, ['systems']);
});

const held = 'POST /hooks/systems HTTP/1.1\r\nhost: x\r\nx-gitlab-token: y\r\ncontent-length: 100\r\n\r\n{';

test('callers who hold their bodies back keep nobody out, and are sent away', async t => {
  const { call, raw } = await receiver(t);
  const slow = Array.from({ length: 40 }, () => raw(held).seen);
  assert.equal((await call('/hooks/systems')).status, 202);
  await until('their answers', () => slow.every(({ ended }) => ended));
  for (const { text } of slow) assert.match(text, /^HTTP\/1\.1 408 /);
});

/** An answer without what differs with time. */
const shape = (text: string) => text.replace(/^date:.*$/im, '');

test('a call without any proof is refused before its body, and says nothing of sources', async t => {
  let reads = 0;
  const { call, raw, lines } = await receiver(t, { reading: async () => void reads++ });
  const bare = (name: string) => raw(`POST /hooks/${name} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n`).seen;
  const answers = ['systems', 'nosecret', 'unhooked', 'nobody'].map(bare);
  await until('the answers', () => answers.every(({ ended }) => ended));
  assert.equal(reads, 0);
  for (const { text } of answers) assert.equal(shape(text), shape(answers[0]?.text ?? ''));
  assert.match(answers[0]?.text ?? '', /^HTTP\/1\.1 401 /);
  const wrong = await call('/hooks/systems', { token: 'wrong' });
  assert.equal(wrong.status, 401);
  assert.ok(wrong.headers.includes('connection') && /^connection: close$/im.test(answers[0]?.text ?? ''));
  assert.ok(lines.some(line => line.includes('no signature and no token')));
});

test('the time of a refusal counts from the end of the body', async t => {
  const { raw } = await receiver(t, { refusalMs: 500 });
  const { socket, seen } = raw('POST /hooks/nobody HTTP/1.1\r\nhost: x\r\nx-gitlab-token: y\r\ncontent-length: 2\r\n\r\n{');
  await sleep(250);
  const end = performance.now();
  socket.write('}');
  await until('the answer', () => seen.ended);
  assert.match(seen.text, /^HTTP\/1\.1 401 /);
  // At least: no machine is too slow for that. Timers may fire a millisecond early.
  assert.ok(seen.at - end >= 490, `${seen.at - end} ms`);
});

test('a token that was rotated holds at once', async t => {
  const { call, current } = await receiver(t);
  assert.equal((await call('/hooks/systems')).status, 202);
  current.token = 'another token of some length';
  assert.equal((await call('/hooks/systems', { token: current.token })).status, 202);
  assert.equal((await call('/hooks/systems')).status, 401);
});

test('a burst of calls is two polls: one at once, and one for all that came meanwhile', async t => {
  const { call, polls } = await receiver(t, { pauseMs: 300 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => call('/hooks/systems')));
  assert.ok(answers.every(({ status }) => status === 202));
  await until('the second poll', () => polls.length === 2);
  const coalesced = (await seriesOf('systems')).find(({ labels }) => 'result' in labels && labels.result === 'coalesced');
  assert.ok((coalesced?.value ?? 0) >= 9);
});

test('a poll that cannot be asked for is told to the caller; before the sources are known so is any', async t => {
  const { call, sources, lines } = await receiver(t, { fail: true });
  assert.equal((await call('/hooks/systems')).status, 503);
  assert.ok(lines.some(line => line.includes('no API server')));
  sources.synced = false;
  assert.equal((await call('/hooks/nobody')).status, 503);
});

test('the series of a source go with it', async t => {
  const { call, sources } = await receiver(t);
  await call('/hooks/systems');
  assert.notEqual((await seriesOf('systems')).length, 0);
  sources.delete('systems');
  assert.deepEqual(await seriesOf('systems'), []);
});

test('the pace lets one call through, keeps one, and drops the others', () => {
  const pace = new WebhookPace(3000);
  assert.equal(pace.admit('a', 0), 0);
  assert.equal(pace.admit('a', 1000), 2000);
  assert.equal(pace.admit('a', 1500), undefined);
  assert.equal(pace.admit('b', 1500), 0);
  pace.begun('a');
  assert.equal(pace.admit('a', 3500), 2500);
  pace.begun('a');
  assert.equal(pace.admit('a', 9000), 0);
});

test('a token is read once for a flood of calls, again after a while, and kept while the API server says nothing', async () => {
  let [now, reads] = [0, 0];
  let answer = Promise.resolve('first token, long enough');
  const tokens = new WebhookTokens({ read: () => (reads++, answer), now: () => now, rememberMs: 1000 });
  const all = await Promise.all(Array.from({ length: 20 }, () => tokens.of('s')));
  assert.equal(reads, 1);
  assert.equal(new Set(all).size, 1);
  now = 1001;
  answer = Promise.reject(new Error('connection refused'));
  assert.equal(await tokens.of('s'), 'first token, long enough');
  now = 2002;
  answer = Promise.reject(new StallingError('SecretNotFound', 'gone'));
  await assert.rejects(tokens.of('s'), { reason: 'SecretNotFound' });
  await assert.rejects(tokens.of('s'), { reason: 'SecretNotFound' });
  assert.equal(reads, 3);
});

test('a token that does not fit is read anew, but not for each call', async () => {
  let [now, reads] = [0, 0];
  const read = () => (reads++, Promise.resolve('some token, long enough'));
  const tokens = new WebhookTokens({ read, now: () => now, rememberMs: 30_000, againMs: 5_000 });
  await tokens.of('s');
  await Promise.all(Array.from({ length: 20 }, () => tokens.anew('s')));
  assert.equal(reads, 1);
  now = 5_001;
  await Promise.all(Array.from({ length: 20 }, () => tokens.anew('s')));
  await tokens.of('s');
  assert.equal(reads, 2);
});

const secret = (data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hook' }, data });

test('a token that is missing or short is none, and is not told', () => {
  assert.throws(() => webhookTokenOf(secret({})), { reason: 'InvalidSecret', message: 'Secret hook has no key token' });
  const short = Buffer.from('hunter2').toString('base64');
  assert.throws(
    () => webhookTokenOf(secret({ token: short })),
    error => !String(error).includes('hunter2'),
  );
  assert.equal(webhookTokenOf(secret({ token: Buffer.from(`${token}\n`).toString('base64') })), token);
});
