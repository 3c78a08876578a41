/** docs/air-gapped.md carries our images and chart from one registry to another with nothing in between: by its commands, digests kept. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRegistry } from '../../controller/registry/client.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { helm } from '../cluster/helm.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import { root } from '../docs/markdown.ts';
import { lacking, runBlock, shellBlock } from './page-block.ts';

const page = 'docs/air-gapped.md';
const tag = '0.2.0';
const images = ['scantling', 'scantling-builder'] as const;

test('images and chart are the same inside', { skip: lacking('skopeo') }, async t => {
  const authority = createAuthority('registries');
  const tls = issueCertificate({ ...authority, commonName: 'registries' }, ['127.0.0.1']);
  const directory = temporaryDirectory('air-gapped');
  t.after(() => removeDirectory(directory));
  for (const name of ['charts', 'crds', 'manifests'])
    cpSync(join(root, name), join(directory, name), { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(directory, 'ca.crt'), authority.certificate);
  // What a package of skopeo brings.
  mkdirSync(join(directory, '.config/containers'), { recursive: true });
  writeFileSync(join(directory, '.config/containers/policy.json'), '{ "default": [{ "type": "insecureAcceptAnything" }] }');
  const env = { HOME: directory, SSL_CERT_FILE: join(directory, 'ca.crt') };

  const kept = join(directory, 'outside');
  const making = await startRegistry({ directory: kept });
  const digests = await Promise.all(
    images.map(async repository => {
      const { digest } = await pushBaseImage({ registry: making.host, repository, tag, release: repository });
      return digest;
    }),
  );
  await making.stop();
  const outside = await startRegistry({ directory: kept, tls: { ...tls, forwarded: true } });
  const inside = await startRegistry({ tls: { ...tls, forwarded: true } });
  let open = true;
  t.after(async () => {
    if (open) await outside.stop();
    await inside.stop();
  });

  const run = (holds: string) => {
    const text = shellBlock(page, holds)
      .replaceAll('registry.inside.example', inside.host)
      .replaceAll('registry.example.com', outside.host);
    return runBlock(text, { cwd: directory, env });
  };
  await run('"dir:carried/$image"\ndone');
  await outside.stop();
  open = false;
  await run('helm push');

  const client = createRegistry({ ca: authority.certificate, userAgent: 'scantling-test' });
  t.after(() => client.close());
  for (const [i, image] of images.entries()) {
    const { digest } = await client.resolve(`${inside.host}/${image}:${tag}`);
    assert.equal(digest, digests[i]);
    const { json } = await client.manifest(`${inside.host}/${image}@${digest}`);
    const platforms = (json as { manifests: { digest: string }[] }).manifests;
    assert.equal(platforms.length, 2);
    for (const platform of platforms) assert.ok(await client.manifest(`${inside.host}/${image}@${platform.digest}`));
  }
  const words = shellBlock(page, 'helm install').replaceAll('registry.inside.example', inside.host).split(/\s+/);
  const where = words.slice(words.indexOf('scantling') + 1, words.indexOf('--create-namespace'));
  const [ours, carried] = await Promise.all(
    [['charts/scantling', '--namespace', 'scantling-system'], where].map(async args => {
      const { stdout } = await helm(['template', 'scantling', ...args], { cwd: directory, env });
      return stdout;
    }),
  );
  assert.equal(carried, ours);
});
