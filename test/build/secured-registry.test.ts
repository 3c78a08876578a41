/** Foundations in a registry with TLS, whose authority nobody knows but the registries configuration: buildah pulls from it and pushes to it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { createProcessBuilder } from '../../controller/build/process.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseRegistries } from '../../controller/registry/configuration.ts';
import type { Certificates, RegistriesConfiguration } from '../../controller/registry/configuration.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { pushBase, shellLayer, withoutBuildah } from './build-fixture.ts';
import { plainAccess, platform, taskFor } from './foundation-fixture.ts';

const architecture = platform.slice('linux/'.length);
const servers = { ...createAuthority('registries'), commonName: 'registries' };
const clients = { ...createAuthority('builders'), commonName: 'builders' };
const certificate = issueCertificate(servers, ['127.0.0.1']);
const own = issueCertificate(clients, ['scantling']);

const secrets: Record<string, Certificates> = {
  authority: { ca: servers.certificate },
  both: { ca: servers.certificate, cert: own.certificate, key: own.key },
};
const configured = (host: string, secret: string): RegistriesConfiguration =>
  parseRegistries(JSON.stringify({ registries: [{ prefix: host, certSecretRef: { name: secret } }] }), name => secrets[name]);

/** buildah says who it is: it and not our own client did it. */
const byBuildah = (server: RegistryServer): Set<string> =>
  new Set(server.requests.log.filter(r => /buildah|containers/i.test(r.userAgent) && r.status < 300).map(r => r.method));

for (const [what, tls, secret] of [
  ['an authority of its own', certificate, 'authority'],
  ['client certificates', { ...certificate, clientAuthority: clients.certificate }, 'both'],
] as const) {
  describe(`a registry with ${what}`, { skip: withoutBuildah() }, () => {
    let server: RegistryServer;
    let registry: Registry;
    let configuration: RegistriesConfiguration;
    before(async () => {
      server = await startRegistry({ tls: { ...tls, forwarded: true } });
      configuration = configured(server.host, secret);
      registry = createRegistry({ configuration: () => configuration, userAgent: 'scantling-test' });
    });
    after(async () => {
      await registry.close();
      await server.stop();
    });

    const builderWith = (given: () => RegistriesConfiguration): ReturnType<typeof createProcessBuilder> =>
      createProcessBuilder({
        registry,
        directory: temporaryDirectory('secured'),
        configuration: given,
        insecureHosts: new Set(),
        log: createLog('silent'),
        env: process.env,
      });

    test('is pulled from and pushed to, by buildah too', async () => {
      const base = await pushBase(registry, `${server.host}/base/shell`, { layers: [shellLayer()], architecture });
      const repository = `${server.host}/built/secured`;
      const task = await taskFor(registry, {
        base: base.image,
        repository,
        steps: { containerfile: 'RUN echo made > /etc/made\n' },
      });
      server.requests.clear();
      const { digest } = await builderWith(() => configuration).build(task, plainAccess());
      const { layers } = (await registry.manifest(`${repository}@${digest}`)).json as { layers: Descriptor[] };
      assert.equal(layers.length, 2);
      assert.deepEqual([...byBuildah(server)].filter(method => ['GET', 'PUT'].includes(method)).toSorted(), ['GET', 'PUT']);

      // Without what the configuration says of it, buildah does not take its word.
      const unknown = builderWith(() => ({ registries: [] }));
      await assert.rejects(unknown.build(task, plainAccess()), (error: unknown) => {
        assert.ok(error instanceof TransientError, String(error));
        assert.match(error.message, /x509|certificate/);
        return true;
      });
    });
  });
}
