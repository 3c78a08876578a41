import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { firstExpiry, showExpiry } from '../../controller/telemetry/certificate-expiry.ts';
import { metrics } from '../../controller/telemetry/metrics.ts';
import { createAuthority } from '../cluster/certificates.ts';

const values = async (): Promise<number[]> => (await metrics.certificateExpiry.get()).values.map(({ value }) => value);

test('the first certificate that expires counts, of all that a text holds', async () => {
  const { certificate, key } = createAuthority('expiry');
  const end = Date.parse(new X509Certificate(certificate).validTo);
  assert.equal(firstExpiry(certificate), end);
  assert.equal(firstExpiry(`${key}\n# a comment\n${certificate}\n${certificate}`), end);
  for (const text of ['', 'no certificate', key, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])
    assert.equal(firstExpiry(text), undefined);
  showExpiry('Secret/one', [undefined, certificate]);
  assert.deepEqual(await values(), [end / 1000]);
  showExpiry('Secret/one', ['none any more']);
  assert.deepEqual(await values(), []);
});
