import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { configMaps, secrets } from '../../controller/api/core.ts';
import { TransientError } from '../../controller/api/errors.ts';
import { createRegistriesLoader } from '../../controller/compose-registries.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { type Api, configMap, startApi, startScene } from '../kube/api-fixture.ts';

const authority = createAuthority('registries');
const own = issueCertificate({ ...authority, commonName: 'registries' }, ['client']);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('registries.yaml in a ConfigMap of the API server', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  async function scene() {
    const { namespace, client } = await startScene(api);
    let now = 0;
    const log = createLog('silent');
    const loader = createRegistriesLoader({ client, namespace, configMap: 'scantling-registries', log, now: () => now });
    return {
      namespace,
      later: () => {
        now += 60_000;
        return loader.current();
      },
      write: (text: string) =>
        api.admin.apply(configMaps, configMap(namespace, 'scantling-registries', { 'registries.yaml': text }), {
          fieldManager: 'test',
        }),
    };
  }

  test('need not be there, and counts soon after it is', async () => {
    const { namespace, later, write } = await scene();
    assert.deepEqual(await later(), { registries: [] });
    await write('registries: [{ prefix: a.example, certSecretRef: { name: tls } }]');
    assert.deepEqual(await later(), { registries: [] }, 'without the Secret it is wrong');
    await api.admin.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tls', namespace },
      data: { 'tls.crt': base64(own.certificate), 'tls.key': base64(own.key), 'ca.crt': base64(authority.certificate) },
    });
    const [entry] = (await later()).registries;
    assert.deepEqual(
      [entry?.prefix, entry?.cert, entry?.key, entry?.ca],
      ['a.example', own.certificate, own.key, authority.certificate],
    );
    await api.admin.delete(configMaps, 'scantling-registries', { namespace });
    assert.deepEqual(await later(), { registries: [] });
  });

  test('an API server that fails changes nothing, and before the first answer nothing is asked', async () => {
    const { namespace, later, write } = await scene();
    await write('registries: [{ prefix: b.example, plainHTTP: true }]');
    const ours = { namespace, resource: 'configmaps' };
    const down = api.proxy.fail(ours, { status: 403 });
    await assert.rejects(later(), TransientError);
    down.remove();
    const good = await later();
    assert.equal(good.registries[0]?.prefix, 'b.example');
    for (const fault of [{ status: 403 }, { status: 500 }, { drop: 'before' as const }]) {
      const failing = api.proxy.fail(ours, fault);
      assert.equal(await later(), good);
      failing.remove();
    }
  });
});
