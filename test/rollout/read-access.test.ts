/** With what images and addons are read for a pool. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransientError, WaitingError } from '../../controller/api/errors.ts';
import { credentialsFor, type DockerConfig, parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { SystemPoolView } from '../../controller/rollout/projection.ts';
import { placesOf, readAccess } from '../../controller/rollout/read-access.ts';
import { unreadText } from '../../controller/rollout/unread.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const image = `r.example/os/edge@${digest}`;
const artifact = `r.example/addons/kubelet@${digest}`;
const pool = { name: 'p' } as SystemPoolView;

/** For each place the name of the account. */
const secret = (accounts: Record<string, string>): DockerConfig =>
  parseDockerConfig(
    JSON.stringify({
      auths: Object.fromEntries(
        Object.entries(accounts).map(([at, user]) => [at, { auth: Buffer.from(`${user}:x`).toString('base64') }]),
      ),
    }),
  );

async function usersOf(own: DockerConfig | undefined, all: Record<string, DockerConfig>): Promise<(string | undefined)[]> {
  const secrets = {
    credentials: () => Promise.resolve(own),
    named: (name: string) => {
      const found = all[name];
      return found ? Promise.resolve(found) : Promise.reject(new WaitingError('SecretNotFound', `${name} not found`, 1));
    },
  };
  const offers = new Map([['kubelet', { readSecrets: ['gone', 'addon'] }]]);
  const places = placesOf(image, { readSecrets: ['definition'] }, [{ name: 'kubelet', image: artifact }], offers);
  const config = await readAccess(secrets, pool, places);
  return [image, artifact, 'r.example/other'].map(of => credentialsFor(config, of.replace(/@.*/, ''))?.username);
}

describe('images and addons of a pool are read', () => {
  const made = { definition: secret({ 'r.example': 'builder' }), addon: secret({ 'r.example': 'addons' }) };

  it("with the pool's own Secret", async () => {
    assert.deepEqual(await usersOf(secret({ 'r.example': 'own' }), made), ['own', 'own', 'own']);
  });

  it('with that of whoever made them, each of its own place alone, where the pool names none, or one for other places', async () => {
    assert.deepEqual(await usersOf(undefined, made), ['builder', 'addons', undefined]);
    assert.deepEqual(await usersOf(secret({ 'r.example/other': 'own' }), made), ['builder', 'addons', 'own']);
    assert.deepEqual(await usersOf(secret({ 'r.example/os': 'own' }), made), ['own', 'addons', undefined]);
  });

  it('with nothing where no Secret is there', async () => {
    assert.deepEqual(await usersOf(undefined, {}), [undefined, undefined, undefined]);
  });
});

it('What a registry refuses names the field to set', () => {
  assert.match(
    unreadText('x', new TransientError('RegistryAccessDenied', 'no')),
    /^x cannot be looked up: .*spec\.pullSecretRef of the pool/,
  );
  assert.equal(
    unreadText('x', new TransientError('RegistryUnavailable', 'no')),
    'x cannot be looked up: RegistryUnavailable: no',
  );
});
