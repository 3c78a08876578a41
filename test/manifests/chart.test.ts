/** The chart renders what the plain install holds. Needs helm, which the set-up does not bring. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { crds, manifests } from '../cluster/manifests.ts';

const chart = join(import.meta.dirname, '../../charts/scantling');
const skip = spawnSync('helm', ['version']).status === 0 ? false : 'helm is not on this machine';

function render(...args: string[]): KubeObject[] {
  const { status, stdout, stderr } = spawnSync('helm', ['template', 'scantling', chart, ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return parseAllDocuments(stdout)
    .map(document => document.toJS() as KubeObject | null)
    .filter(object => object !== null);
}

const byName = (objects: readonly KubeObject[]) =>
  Object.fromEntries(objects.map(o => [`${o.kind} ${o.metadata.namespace ?? ''}/${o.metadata.name}`, o]));

/** What kustomize adds (the image's tag) and the chart adds (the pull policy that is the default anyway). */
function withoutImage(object: KubeObject): unknown {
  const text = JSON.stringify(object)
    .replaceAll('"image":"scantling:0.2.0"', '"image":"scantling"')
    .replaceAll('"value":"scantling-builder:0.2.0"', '"value":"scantling-builder"');
  return JSON.parse(text.replaceAll('"imagePullPolicy":"IfNotPresent",', ''));
}

describe('the chart', { skip }, () => {
  test('is the plain install when nothing is set, but for the namespace, which Helm makes', () => {
    const rendered = byName(render('--namespace=scantling-system').map(withoutImage) as KubeObject[]);
    const plain = byName(manifests().filter(o => o.kind !== 'Namespace'));
    assert.deepEqual(Object.keys(rendered).toSorted(), Object.keys(plain).toSorted());
    for (const [name, object] of Object.entries(plain)) assert.deepEqual(rendered[name], object, name);
  });

  test('brings the same CRDs', () => {
    const { status, stdout, stderr } = spawnSync('helm', ['show', 'crds', chart], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const shown = parseAllDocuments(stdout).map(document => document.toJS() as KubeObject | null);
    assert.deepEqual(byName(shown.filter(o => o !== null)), byName(crds()));
  });

  test('goes into another namespace whole', () => {
    const text = JSON.stringify(render('--namespace=elsewhere'));
    assert.doesNotMatch(text, /scantling-system/);
    assert.match(text, /system:serviceaccount:elsewhere:scantling-agent/);
  });

  test('takes its values', () => {
    const objects = render(
      '--set=image.repository=registry.example.com/scantling,image.digest=sha256:abc,logLevel=debug,insecureRegistries={a:5000,b:5000}',
      '--set=builder.image.repository=registry.example.com/builder,builder.image.digest=sha256:def,imagePullSecrets[0].name=pull',
      '--set=userRoles=false,controller.replicas=1,agent.extraArgs={--heartbeat-interval=1m}',
    );
    const text = JSON.stringify(objects);
    assert.match(text, /"image":"registry\.example\.com\/scantling@sha256:abc"/);
    assert.match(text, /"name":"BUILDER_IMAGE","value":"registry\.example\.com\/builder@sha256:def"/);
    const builder = objects.find(o => o.kind === 'ServiceAccount' && o.metadata.name === 'scantling-builder');
    assert.deepEqual((builder as KubeObject & { imagePullSecrets?: unknown }).imagePullSecrets, [{ name: 'pull' }]);
    assert.match(text, /--insecure-registries=a:5000,b:5000/);
    assert.match(text, /--log-level=debug/);
    assert.match(text, /--heartbeat-interval=1m/);
    assert.match(text, /"replicas":1/);
    assert.doesNotMatch(text, /scantling-view/);
  });
});
