import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor, proxyFromEnvironment } from '../../controller/registry/proxy.ts';

const settings = proxyFromEnvironment({
  http_proxy: 'plain.proxy:3128',
  HTTPS_PROXY: 'http://secure.proxy:3129',
  NO_PROXY: 'corp.example, .svc,*.cluster.local,10.0.0.0/8,fd00::/8,192.0.2.7,port.example:5000, [fd11::1]:443',
});

for (const [url, proxy] of [
  ['http://registry.example/v2/', 'http://plain.proxy:3128'],
  ['https://registry.example/v2/', 'http://secure.proxy:3129'],
  ['https://corp.example/', undefined],
  ['https://a.b.CORP.example/', undefined],
  ['https://notcorp.example/', 'http://secure.proxy:3129'],
  ['https://registry.svc/', undefined],
  ['https://svc/', 'http://secure.proxy:3129'],
  ['https://a.cluster.local/', undefined],
  ['https://10.1.2.3/', undefined],
  ['https://11.1.2.3/', 'http://secure.proxy:3129'],
  ['https://[fd12::3]/', undefined],
  ['https://192.0.2.7/', undefined],
  ['https://192.0.2.70/', 'http://secure.proxy:3129'],
  ['https://port.example:5000/', undefined],
  ['https://port.example/', 'http://secure.proxy:3129'],
  ['http://127.0.0.1:5000/', undefined],
  ['http://localhost/', undefined],
  ['http://[::1]:80/', undefined],
] as const) {
  test(`${url} goes ${proxy ? 'through a proxy' : 'directly'}`, () => assert.equal(proxyFor(new URL(url), settings), proxy));
}

test('no proxy, or all hosts excepted', () => {
  assert.equal(proxyFor(new URL('https://a.example'), {}), undefined);
  assert.equal(proxyFor(new URL('https://a.example'), { https: 'http://p', no: '*' }), undefined);
});
