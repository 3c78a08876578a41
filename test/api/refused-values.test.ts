/** A value that a schema refuses is refused with the same sentence whether it is applied by hand or comes from Git. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Schema, specSchemas } from '../../controller/api/schemas.ts';
import { decodeFile } from '../../controller/source/document.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { createCrds, explained } from './refusal.ts';

const container = {
  name: 'API',
  image: 'postgres:17',
  user: 'App User',
  ports: [{ containerPort: 80, hostPort: 80, hostIP: 'localhost' }],
  healthCheck: { command: ['true'], interval: '1 minute', timeout: 'soon', startPeriod: '5' },
};
const packages = {
  base: { image: 'fedora-bootc:42' },
  manager: 'apt',
  install: ['--allow-unauthenticated'],
  repositories: [
    { name: 'k8s stable', url: 'packages.example.com', suite: 'book worm', components: ['main contrib'], gpgCheck: false },
  ],
  ignore: ['usr/share/doc'],
  build: {
    timeout: '30',
    proxy: { http: 'proxy:3128', https: 'http://me:secret@proxy:3128' },
    caBundleRef: { name: 'a', key: 'a/b' },
  },
};
const bad: Record<string, object> = {
  SystemDefinition: {
    base: { image: 'fedora-bootc:42' },
    sourceRef: { name: 'systems', revision: 'main' },
    packages: {
      manager: 'apt',
      install: ['--allow-unauthenticated'],
      remove: ['two words'],
      repositories: [
        { name: 'k8s stable', url: 'packages.example.com', suite: 'book worm', components: ['main contrib'], gpgCheck: false },
      ],
    },
    files: [{ path: 'etc/motd', content: 'x', mode: '999' }],
    trees: [{ from: 'a', to: 'etc' }],
    units: [{ name: 'hello', wantedBy: ['boot'], dropIns: [{ name: '10-memory', contents: 'x' }] }],
    addons: { support: true, profile: [{ name: 'Kubelet', addon: 'kubelet:1' }] },
    kernelArguments: ['console=ttyS0 quiet'],
    users: [{ name: 'Core', description: 'a: b', home: 'home', shell: 'bash', groups: ['Wheel'] }],
    platforms: ['amd64'],
    workloads: [{ name: 'Office', volumes: [{ name: 'My data', hostPath: 'data' }], containers: [container] }],
    output: { repository: 'registry.example.com/systems/edge' },
    history: { gracePeriod: '1d' },
    build: {
      timeout: '30',
      secrets: [{ id: '.token', secretRef: { name: 'a', key: 'a b' } }],
      proxy: { http: 'proxy:3128', https: 'http://me:secret@proxy:3128' },
      caBundleRef: { name: 'a', key: 'a/b' },
    },
  },
  SystemAddon: {
    sourceRef: { name: 'systems', revision: 'main' },
    variants: [
      {
        os: { id: 'Fedora', versionId: '42 (Server)' },
        source: {
          files: [{ path: '/etc/motd', content: 'x', mode: '999' }],
          trees: [{ from: 'a', to: 'usr' }],
          units: [{ name: 'hello', dropIns: [{ name: '10-memory', contents: 'x' }] }],
        },
      },
      {
        os: { id: 'flatcar', sysextLevel: '1.0 or so' },
        source: { image: { reference: 'runtime:1', path: 'rootfs', ignore: ['etc'] } },
      },
    ],
    services: ['kubelet'],
    requires: { addons: ['Runtime'], kernelModules: ['br netfilter'], paths: ['usr/bin/runc'] },
    output: { repository: 'registry.example.com/addons/kubelet' },
  },
  SystemPool: {
    nodeSelector: { matchLabels: { a: 'b' } },
    system: { image: 'worker:1' },
    addons: [{ name: 'Kubelet', addon: 'kubelet:1' }],
    rollout: { timeouts: { stage: '30', drain: '1d', reboot: 'never' } },
  },
};

/** Other bad values of fields that can be refused for two reasons. */
const otherwiseBad: Record<string, object> = {
  SystemDefinition: {
    base: { image: 'registry.example.com:5000/base' },
    output: { repository: 'registry.example.com/systems/edge' },
  },
  SystemAddon: {
    variants: [
      { source: { image: { reference: 'registry.example.com/runtime', over: 'registry.example.com/base' } } },
      { os: { id: 'debian' }, source: { packages } },
    ],
    output: { repository: 'registry.example.com/addons/runtime' },
  },
  SystemPool: { nodeSelector: { matchLabels: { a: 'b' } }, system: { image: 'registry.example.com/team/worker' } },
};

/** What the check of documents from Git says, by field, without the value. Field by field of spec: of a document only the first 20 are told. */
function saidOfGit(kind: string, spec: object): Map<string, string> {
  const failures = Object.entries(spec).flatMap(([field, value]) => {
    const document = { apiVersion: 'scantling.dev/v1alpha1', kind, metadata: { name: 'bad' }, spec: { [field]: value } };
    return decodeFile('bad.yaml', Buffer.from(JSON.stringify(document)), false).failures;
  });
  return new Map(
    failures.flatMap(({ message }) => {
      const [, field, sentence] = /^(\S+): (.*); is ".*"$/s.exec(message) ?? [];
      return field !== undefined && sentence !== undefined ? [[field, sentence] as const] : [];
    }),
  );
}

function sentencesOf(schema: Schema): string[] {
  const below = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return [...(schema.matches ?? []).map(m => m.message), ...below.flatMap(s => (s ? sentencesOf(s) : []))];
}

describe('a refused value', () => {
  let controlPlane: ControlPlane;
  let server: Awaited<ReturnType<typeof createCrds>>;
  before(async () => {
    controlPlane = await startControlPlane();
    server = await createCrds(controlPlane);
  });
  after(async () => {
    await server?.close();
    await controlPlane?.stop();
  });

  for (const [kind, schema] of Object.entries(specSchemas)) {
    test(`of a ${kind} is explained in the same words by the API server and in Git`, async () => {
      for (const spec of [bad, otherwiseBad].flatMap(specs => specs[kind] ?? [])) {
        const applied = await explained(server, kind, spec);
        assert.deepEqual(Object.fromEntries(applied), Object.fromEntries(saidOfGit(kind, spec)));
      }
    });

    test(`of a ${kind} is here for every sentence there is`, () => {
      const said = new Set([bad, otherwiseBad].flatMap(specs => [...saidOfGit(kind, specs[kind] ?? {}).values()]));
      assert.deepEqual(
        sentencesOf(schema).filter(sentence => !said.has(sentence)),
        [],
      );
    });
  }
});
