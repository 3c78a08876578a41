/** The samples: taken by the API server as they are; the small office is rendered to services that podman and systemd understand. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import type { SystemDefinition } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { workloadImages } from '../../controller/definition/workloads.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { decodeFile } from '../../controller/source/document.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { crds, established, resourceOf } from '../cluster/manifests.ts';
import { temporaryDirectory, unpack } from '../definition/definition-fixture.ts';
import { digestsOf, generate, generators, skipWithoutGenerator } from '../definition/quadlet-fixture.ts';
import { commandOf, parseUnit, splitWords, valuesOf } from '../definition/unit-file.ts';

const directory = join(import.meta.dirname, '../../manifests/samples');
const samples = (await readdir(directory)).filter(file => file !== 'kustomization.yaml').toSorted();

describe('samples', () => {
  let controlPlane: ControlPlane;
  let transport: Transport;
  let client: Client;

  const apply = async (file: string): Promise<KubeObject> => {
    const object = parse(await readFile(join(directory, file), 'utf8')) as KubeObject;
    return client.apply(resourceOf(object), object, { fieldManager: 'kubectl' });
  };

  before(async () => {
    controlPlane = await startControlPlane();
    transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
    client = createClient(transport);
    await Promise.all(crds().map(crd => client.apply(resourceOf(crd), crd, { fieldManager: 'kubectl' })));
    for (const crd of crds()) await established(client, crd.metadata.name);
  });
  after(async () => {
    await transport?.close();
    await controlPlane?.stop();
  });

  for (const file of samples) {
    test(`${file} is taken as it is`, async () => {
      const applied = await apply(file);
      // A source says where the documents are, and a policy who may sign them, so neither is one of them.
      if (applied.kind === 'SystemSource' || applied.kind === 'TrustPolicy') return;
      const { documents, failures } = decodeFile(file, await readFile(join(directory, file)), false);
      assert.deepEqual(failures, []);
      assert.deepEqual(
        documents.map(({ name }) => name),
        [applied.metadata.name],
      );
    });
  }

  test('the office renders without a warning, to one pod of three containers', { skip: skipWithoutGenerator }, async t => {
    const { spec } = (await apply('office.yaml')) as SystemDefinition;
    const images = workloadImages(spec);
    assert.equal(images.length, 3);
    const rendered = render({ definition: 'office', spec, inputs: new Map(), workloadImages: digestsOf(images) });
    assert.deepEqual(rendered.warnings, []);
    const root = await temporaryDirectory(t);
    await unpack(rendered.layers, root);
    for (const { name, path } of generators) {
      const services = await generate(path, join(root, 'usr/share/containers/systemd'));
      const pod = parseUnit(services.get('office-pod.service') ?? '');
      const wanted = valuesOf(pod, 'Unit', 'Wants').flatMap(splitWords);
      assert.deepEqual(
        wanted.filter(unit => unit.startsWith('office-')).toSorted(),
        ['office-api.service', 'office-application.service', 'office-database.service'],
        name,
      );
      const database = commandOf(parseUnit(services.get('office-database.service') ?? ''), 'Service', 'ExecStart');
      for (const word of [
        'POSTGRES_PASSWORD_FILE=/run/secrets/database-password',
        'office-data:/var/lib/postgresql/data',
        '/usr/share/office/database:/docker-entrypoint-initdb.d:ro',
        '/etc/office/database-password:/run/secrets/database-password:ro,z',
        '["pg_isready","--username=office","--dbname=office"]',
      ]) {
        assert.ok(database.includes(word), `${name}: ${word} is not among ${database.join(' ')}`);
      }
      assert.match(database.at(-1) ?? '', /^docker\.io\/library\/postgres@sha256:[0-9a-f]{64}$/);
    }
  });
});
