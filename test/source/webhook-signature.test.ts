import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { concerns, pushedRefs } from '../../controller/source/webhook-push.ts';
import { type Provider, isGenuine } from '../../controller/source/webhook-signature.ts';

const token = "It's a Secret to Everybody";
const body = Buffer.from('Hello, World!');
/** Of this token and body, as GitHub documents it. */
const hmac = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

const proofs: readonly [Provider, string, string][] = [
  ['GitHub', 'x-hub-signature-256', `sha256=${hmac}`],
  ['GitLab', 'x-gitlab-token', token],
  ['Gitea', 'x-gitea-signature', hmac],
  ['Bitbucket', 'x-hub-signature', `sha256=${hmac}`],
  ['Generic', 'x-signature-256', `sha256=${hmac}`],
  ['Generic', 'authorization', `Bearer ${token}`],
];

for (const [provider, header, value] of proofs) {
  test(`${provider} proves by ${header} that it knows the token`, () => {
    const check = (headers: Record<string, string | string[]>, key = token, bytes = body): boolean =>
      isGenuine(provider, { headers, body: bytes }, key);
    assert.equal(check({ [header]: value }), true);
    assert.equal(check({ [header]: value }, 'another token of some length'), false);
    assert.equal(check({}), false);
    assert.equal(check({ [header]: '' }), false);
    assert.equal(check({ [header]: value.slice(0, -1) }), false);
    assert.equal(check({ [header]: [value, value] }), false);
    if (value.includes(hmac)) assert.equal(check({ [header]: value }, token, Buffer.from('Hello, World?')), false);
  });
}

test('no provider takes what proves something to another', () => {
  for (const [provider, , value] of proofs)
    for (const [other, header] of proofs)
      if (other !== provider) {
        const headers = { [header]: value };
        const own = proofs.some(([p, h, v]) => p === provider && h === header && v === value);
        assert.equal(isGenuine(provider, { headers, body }, token), own, `${provider} by ${header} of ${other}`);
      }
});

test('an empty token is never proven by an empty header', () => {
  const signed = createHmac('sha256', 'x').update(body).digest('hex');
  for (const [provider, header] of proofs) {
    assert.equal(isGenuine(provider, { headers: { [header]: signed }, body }, token), false);
    assert.equal(isGenuine(provider, { headers: {}, body: Buffer.alloc(0) }, token), false);
  }
});

const refs = (provider: Provider, payload: unknown, headers: Record<string, string> = {}): unknown =>
  pushedRefs(provider, { headers, body: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)) });

test('the refs of a push are read from what each service sends', () => {
  assert.deepEqual(refs('GitHub', { ref: 'refs/heads/main' }, { 'x-github-event': 'push' }), ['refs/heads/main']);
  assert.deepEqual(refs('GitHub', { zen: 'Design for failure.' }, { 'x-github-event': 'ping' }), []);
  assert.deepEqual(
    refs('GitHub', `payload=${encodeURIComponent('{"ref":"refs/tags/v1"}')}`, {
      'content-type': 'application/x-www-form-urlencoded',
    }),
    ['refs/tags/v1'],
  );
  assert.deepEqual(refs('GitLab', { ref: 'refs/tags/v1' }, { 'x-gitlab-event': 'Tag Push Hook' }), ['refs/tags/v1']);
  assert.deepEqual(refs('GitLab', { ref: 'refs/heads/x' }, { 'x-gitlab-event': 'Pipeline Hook' }), []);
  assert.deepEqual(refs('Gitea', { ref: 'refs/heads/main' }, { 'x-gitea-event': 'push' }), ['refs/heads/main']);
  const cloud = {
    push: { changes: [{ new: { type: 'branch', name: 'main' } }, { new: null, old: { type: 'tag', name: 'v1' } }] },
  };
  assert.deepEqual(refs('Bitbucket', cloud, { 'x-event-key': 'repo:push' }), ['refs/heads/main', 'refs/tags/v1']);
  const dataCenter = { changes: [{ ref: { id: 'refs/heads/main' } }] };
  assert.deepEqual(refs('Bitbucket', dataCenter, { 'x-event-key': 'repo:refs_changed' }), ['refs/heads/main']);
  assert.deepEqual(refs('Bitbucket', { test: true }, { 'x-event-key': 'diagnostics:ping' }), []);
  assert.deepEqual(refs('Generic', { ref: 'main' }), ['refs/heads/main', 'refs/tags/main']);
});

test('what does not say which ref was pushed is taken for any', () => {
  for (const text of ['', 'pushed!', '{', 'null', '[]', '{"ref":7}', '{"__proto__":{"ref":"x"}}'])
    assert.equal(refs('Generic', text), 'any');
  assert.equal(concerns('any', 'refs/heads/main'), true);
  assert.equal(concerns(['refs/heads/main'], 'refs/heads/main'), true);
  assert.equal(concerns(['refs/heads/other'], 'refs/heads/main'), false);
  assert.equal(concerns('any', undefined), false);
});
