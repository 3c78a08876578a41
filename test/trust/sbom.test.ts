import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builderId, provenanceOf } from '../../controller/trust/provenance.ts';
import type { Origin } from '../../controller/trust/provenance.ts';
import { packageURL, sbomOf } from '../../controller/trust/sbom.ts';
import type { Contents } from '../../controller/trust/sbom.ts';
import { statementOf } from '../../controller/trust/sign-image.ts';

const hex = 'ab'.repeat(32);
const workload = `registry.example.com/apps/web@sha256:${'cd'.repeat(32)}`;
const contents: Contents = {
  repository: 'registry.example.com/os/edge',
  digest: `sha256:${hex}`,
  packages: [
    { type: 'deb', name: 'libstdc++6', version: '1:14.2.0-19~x', architecture: 'amd64' },
    { type: 'rpm', name: 'shadow-utils', version: '4.18-1.fc43', architecture: 'x86_64', epoch: '2' },
  ],
  distribution: { id: 'debian', version: '13' },
  files: [{ path: '/etc/motd', sha1: 'a'.repeat(40), sha256: 'b'.repeat(64) }],
  workloads: [workload],
  notes: ['/usr/share/rpm/Packages is a database of rpm in a format (bdb or ndb) that is not read'],
  version: '0.2.0',
};

interface SPDX {
  SPDXID: string;
  comment?: string;
  creationInfo: { created: string };
  documentNamespace: string;
  packages: { SPDXID: string; name: string; versionInfo?: string; externalRefs?: { referenceLocator: string }[] }[];
  files?: { SPDXID: string; fileName: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
}

test('SPDX names each package, file and workload once, and how they belong to the image', () => {
  const { predicateType, predicate } = sbomOf('SPDX', contents);
  assert.equal(predicateType, 'https://spdx.dev/Document');
  const document = predicate as SPDX;
  assert.deepEqual(
    document.packages.map(p => [p.name, p.externalRefs?.[0]?.referenceLocator]),
    [
      ['registry.example.com/os/edge', `pkg:oci/edge@sha256:${hex}?repository_url=registry.example.com%2Fos%2Fedge`],
      ['web', `pkg:oci/web@sha256:${'cd'.repeat(32)}?repository_url=registry.example.com%2Fapps%2Fweb`],
      ['libstdc++6', 'pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19~x?arch=amd64&distro=debian-13'],
      ['shadow-utils', 'pkg:rpm/debian/shadow-utils@4.18-1.fc43?arch=x86_64&distro=debian-13&epoch=2'],
    ],
  );
  assert.equal(document.packages[3]?.versionInfo, '2:4.18-1.fc43');
  assert.deepEqual(
    document.files?.map(f => f.fileName),
    ['./etc/motd'],
  );
  const ids = [document.SPDXID, ...document.packages.map(p => p.SPDXID), ...(document.files ?? []).map(f => f.SPDXID)];
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
  for (const { spdxElementId, relatedSpdxElement } of document.relationships)
    for (const id of [spdxElementId, relatedSpdxElement]) assert.ok(ids.includes(id), id);
  assert.equal(document.relationships.length, ids.length - 1);
  assert.match(document.comment ?? '', /bdb or ndb/);
});

test('CycloneDX names the same', () => {
  const { predicateType, predicate } = sbomOf('CycloneDX', contents);
  assert.equal(predicateType, 'https://cyclonedx.org/bom');
  const bom = predicate as {
    specVersion: string;
    components: { 'bom-ref'?: string; name: string; type: string }[];
    metadata: object;
  };
  assert.equal(bom.specVersion, '1.6');
  assert.deepEqual(
    bom.components.map(c => `${c.type} ${c.name}`),
    ['container web', 'library libstdc++6', 'library shadow-utils', 'file /etc/motd'],
  );
  assert.match(JSON.stringify(bom.metadata), /scantling:note/);
});

test('equal contents are equal bytes, with no time and no random id in them', () => {
  for (const format of ['SPDX', 'CycloneDX'] as const) {
    const [a, b] = [0, 1].map(() => statementOf(contents.digest, sbomOf(format, structuredClone(contents))));
    assert.ok(a && b?.equals(a));
    assert.ok(!String(a).includes(String(new Date().getUTCFullYear())));
  }
});

test('a statement stays below what verifiers read, and says what is left out', () => {
  const packages = Array.from({ length: 19_000 }, (_, i) => ({
    type: 'rpm' as const,
    name: `package-${i}`,
    version: '1.2.3-4.el10',
    architecture: 'x86_64',
  }));
  for (const format of ['SPDX', 'CycloneDX'] as const) {
    const statement = statementOf(contents.digest, sbomOf(format, { ...contents, packages }));
    assert.ok(Math.ceil(statement.length / 3) * 4 < 1024 * 1024 - 4096, `${statement.length}`);
    assert.match(String(statement), /only \d+ of 19000 packages are listed/);
    assert.match(String(statement), /only 0 of 1 files are listed/);
  }
});

test('a package URL without a distribution has no namespace', () => {
  assert.equal(packageURL({ type: 'apk', name: 'musl', version: '1.2.5-r9' }, undefined), 'pkg:apk/musl@1.2.5-r9');
});

const commit = '0123456789abcdef0123456789abcdef01234567';
const origin: Origin = {
  definition: 'edge',
  build: 'edge-0123456789',
  repository: 'https://token:x-oauth@git.example.com/acme/systems.git',
  revision: `main@sha1:${commit}`,
  context: `sha256:${'11'.repeat(32)}`,
  base: `registry.example.com/base@sha256:${'22'.repeat(32)}`,
  stages: [`registry.example.com/tools@sha256:${'44'.repeat(32)}`],
  foundations: [{ platform: 'linux/amd64', reference: `registry.example.com/os/edge@sha256:${'33'.repeat(32)}` }],
  output: 'registry.example.com/os/edge',
  platforms: ['linux/amd64'],
  workloads: [workload],
  builderVersion: '2',
  version: '0.2.0',
};

test('the provenance binds commit, context, base and workloads to the image, and names no account', () => {
  const { predicateType, predicate } = provenanceOf(origin);
  assert.equal(predicateType, 'https://slsa.dev/provenance/v1');
  const { buildDefinition, runDetails } = predicate as {
    buildDefinition: {
      externalParameters: Record<string, unknown>;
      resolvedDependencies: { name?: string; uri?: string; digest: Record<string, string> }[];
    };
    runDetails: { builder: { id: string; version: object }; byproducts: { digest: object }[] };
  };
  assert.equal(buildDefinition.externalParameters['commit'], commit);
  assert.equal(buildDefinition.externalParameters['ref'], 'main');
  assert.equal(buildDefinition.externalParameters['repository'], 'https://git.example.com/acme/systems.git');
  assert.deepEqual(
    buildDefinition.resolvedDependencies.map(d => [d.name ?? d.uri, Object.values(d.digest)[0]?.slice(0, 4)]),
    [
      ['git+https://git.example.com/acme/systems.git', '0123'],
      ['context', '1111'],
      ['base', '2222'],
      ['stage', '4444'],
      ['workload', 'cdcd'],
    ],
  );
  assert.equal(buildDefinition.resolvedDependencies[0]?.digest['gitCommit'], commit);
  assert.equal(runDetails.builder.id, builderId);
  assert.deepEqual(runDetails.builder.version, { scantling: '0.2.0' });
  assert.equal(runDetails.byproducts.length, 1);
  assert.ok(!JSON.stringify(predicate).includes('x-oauth'));
});

test('without a repository there is a provenance all the same', () => {
  const { repository: _repository, revision: _revision, ...rest } = origin;
  const text = JSON.stringify(provenanceOf(rest));
  assert.ok(!text.includes('gitCommit') && !text.includes('"commit"') && text.includes('"context"'));
});
