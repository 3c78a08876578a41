/** Keyless and logged signatures through services as sigstore has them, made by the real cosign and by sigstore's own library: no network. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
import { bundleToJSON } from '@sigstore/bundle';
import type { Registry } from '../../controller/registry/registry.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { attachBundle } from './corpus/bundle.ts';
import { createJudge, type Judge, wordsOf } from './corpus/cases.ts';
import { inToto, provenanceOf, provenancePredicate, statementOf } from './corpus/envelope.ts';
import { newImage, type TestImage } from './corpus/image.ts';
import { newKey } from './corpus/keys.ts';
import { keyless, logged, policyOf } from './corpus/policies.ts';
import { Repository } from './corpus/repository.ts';
import { Cosign, skipWithoutCosign } from './cosign.ts';
import { type SigstoreServices, startSigstoreServices } from './sigstore-services.ts';

const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/os/build.yml@refs/heads/main' };
const evil = { ...identity, subject: identity.subject.replace('acme/', 'acme-evil/') };

void describe('services of sigstore', () => {
  const directory = temporaryDirectory('sigstore');
  let server: RegistryServer;
  let registry: Registry;
  let judge: Judge;
  let services: SigstoreServices;
  before(async () => {
    server = await startRegistry({ kind: 'referrers' });
    registry = clientOf(server.host);
    judge = createJudge(registry);
    services = await startSigstoreServices();
  });
  after(async () => {
    await services.stop();
    await judge.close();
    await registry.close();
    await server.stop();
    removeDirectory(directory);
  });

  let repositories = 0;
  const image = (): Promise<TestImage> => newImage(new Repository(server.host, `os/services-${++repositories}`));
  const judged = (of: TestImage, who = identity, o: Parameters<typeof policyOf>[2] = {}): Promise<Judgement> =>
    judge.judge({
      image: of,
      policies: [policyOf(of.repository.name, [keyless(services.trustedRoot, who)], o)],
      now: Date.now() + 86_400_000,
    });

  const signer = (who = identity): FulcioSigner =>
    new FulcioSigner({ fulcioBaseURL: services.url, identityProvider: { getToken: () => Promise.resolve(services.token(who)) } });
  const witnessed = {
    log: () => new RekorWitness({ rekorBaseURL: services.url, entryType: 'dsse' }),
    time: () => new TSAWitness({ tsaBaseURL: services.url }),
  };

  async function libraryBundle(of: TestImage, who = identity, witnesses: (keyof typeof witnessed)[] = ['log']): Promise<string> {
    const builder = new DSSEBundleBuilder({ signer: signer(who), witnesses: witnesses.map(witness => witnessed[witness]()) });
    const bundle = await builder.create({ data: Buffer.from(JSON.stringify(statementOf(of))), type: inToto });
    return JSON.stringify(bundleToJSON(bundle));
  }

  for (const witnesses of [['log'], ['log', 'time']] as const) {
    void test(`sigstore's library, with ${witnesses.join(' and ')}`, async () => {
      const signed = await image();
      await attachBundle(signed, await libraryBundle(signed, identity, [...witnesses]));
      const judgement = await judged(signed);
      assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
      assert.deepEqual(judgement.signers[0]?.identity, identity);
      assert.deepEqual(
        (await judged(signed, evil)).candidates.map(({ reason }) => reason),
        ['WrongIdentity'],
      );
    });
  }

  void test("sigstore's library, with a timestamp and without the log", async () => {
    const signed = await image();
    await attachBundle(signed, await libraryBundle(signed, identity, ['time']));
    const judgement = await judged(signed);
    assert.equal(judgement.decision, 'Refused');
    assert.deepEqual(
      judgement.candidates.map(({ reason }) => reason),
      ['NotLogged'],
      wordsOf(judgement),
    );
  });

  void test('an identity that goes on', async () => {
    const signed = await image();
    await attachBundle(signed, await libraryBundle(signed, evil));
    assert.deepEqual(
      (await judged(signed)).candidates.map(({ reason }) => reason),
      ['WrongIdentity'],
    );
  });

  void test('the services of somebody else', async t => {
    const others = await startSigstoreServices();
    t.after(() => others.stop());
    const signed = await image();
    const other = new DSSEBundleBuilder({
      signer: new FulcioSigner({
        fulcioBaseURL: others.url,
        identityProvider: { getToken: () => Promise.resolve(others.token(identity)) },
      }),
      witnesses: [new RekorWitness({ rekorBaseURL: others.url, entryType: 'dsse' })],
    });
    const bundle = await other.create({ data: Buffer.from(JSON.stringify(statementOf(signed))), type: inToto });
    await attachBundle(signed, JSON.stringify(bundleToJSON(bundle)));
    const judgement = await judged(signed);
    assert.equal(judgement.decision, 'Refused', wordsOf(judgement));
  });

  void describe('cosign', { skip: skipWithoutCosign }, () => {
    const cosign = new Cosign(directory);
    const token = (who = identity): string[] => ['--identity-token', cosign.file('token', services.token(who))];

    for (const form of ['signature', 'bundle'] as const) {
      for (const timestamps of [false, true]) {
        const also = timestamps ? ' and a timestamp' : '';
        void test(`a certificate${also}, as a ${form}`, async () => {
          const signed = await image();
          await cosign.run('sign', ...cosign.services(form, services, { timestamps }), ...token(), signed.reference);
          const judgement = await judged(signed);
          assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
          assert.deepEqual(judgement.signers[0]?.identity, identity);
          assert.deepEqual(
            (await judged(signed, evil)).candidates.map(({ reason }) => reason),
            ['WrongIdentity'],
          );
        });

        void test(`a key${also}, as a ${form}`, async () => {
          const key = newKey();
          const { key: file } = await cosign.importKey(`logged-${form}-${String(timestamps)}`, key);
          const signed = await image();
          await cosign.run('sign', ...cosign.services(form, services, { timestamps }), '--key', file, signed.reference);
          const policies = [policyOf(signed.repository.name, [logged(key, services.trustedRoot)])];
          const judgement = await judge.judge({ image: signed, policies });
          assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
          assert.ok(judgement.signers[0]?.logIndex !== undefined, wordsOf(judgement));
        });
      }
    }

    void test('provenance by a certificate', async () => {
      const signed = await image();
      const predicate = cosign.file('provenance.json', JSON.stringify(provenanceOf()));
      await cosign.run('sign', ...cosign.services('bundle', services), ...token(), signed.reference);
      await cosign.run(
        'attest',
        ...cosign.services('bundle', services),
        ...token(),
        '--type',
        'slsaprovenance1',
        '--predicate',
        predicate,
        signed.reference,
      );
      const judgement = await judged(signed, identity, {
        attestations: [{ predicateType: provenancePredicate, builder: 'https://builder.example.com/one' }],
      });
      assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
    });

    void test("it accepts what sigstore's library makes, so what the services say is what sigstore's do", async () => {
      const signed = await image();
      await attachBundle(signed, await libraryBundle(signed));
      const who = ['--certificate-identity', identity.subject, '--certificate-oidc-issuer', identity.issuer];
      const { code, output } = await cosign.tried(
        'verify',
        '--allow-http-registry',
        '--trusted-root',
        cosign.file('root.json', services.trustedRoot),
        ...who,
        signed.reference,
      );
      assert.equal(code, 0, output);
    });
  });
});
