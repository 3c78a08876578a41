/** What an image tells its host of trust policies: a layer of its own, that no file of the definition may stand in the way of. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { contextDigest } from '../../controller/build/context.ts';
import { type Rendered, render } from '../../controller/definition/render.ts';
import type { HostFile } from '../../controller/api/host-trust.ts';
import { hostFiles } from '../../controller/trust/host-policy.ts';
import { scopedPolicy } from '../trust/host-scene.ts';
import { inputsOf, specOf } from './definition-fixture.ts';

const hostTrust = [
  { path: '/etc/containers/policy.json', mode: 0o644, content: '{"default":[{"type":"reject"}]}\n' },
  {
    path: '/etc/containers/registries.d/default.yaml',
    mode: 0o644,
    content: 'default-docker: { use-sigstore-attachments: true }\n',
  },
  { path: '/usr/lib/scantling/trust.json', mode: 0o644, content: '{}\n' },
];
const own = (content: string) => ({ path: '/etc/containers/registries.d/acme.yaml', mode: '0644', content });
const motd = { path: '/etc/motd', mode: '0644', content: 'a' };

function rendered(spec: Partial<SystemDefinitionSpec>, files: readonly HostFile[] = hostTrust): Rendered {
  return render({ definition: 'worker', spec: specOf(spec), inputs: inputsOf({}), hostTrust: files });
}

test('it is a layer, which other definitions share', () => {
  const one = rendered({ files: [motd], kernelArguments: ['quiet'] }).plan.layers;
  assert.deepEqual(
    one.map(({ comment }) => comment),
    ['system: kernel arguments, users, units', 'trust: what the host accepts', 'files'],
  );
  const [other] = rendered({}).plan.layers;
  assert.deepEqual(other, one[1]);
});

test('without policies nothing is told, and the context is what it was before there were any', () => {
  const before = render({ definition: 'worker', spec: specOf({ files: [motd] }), inputs: inputsOf({}) });
  assert.equal(contextDigest(rendered({ files: [motd] }, [])), contextDigest(before));
  assert.notEqual(contextDigest(rendered({ files: [motd] })), contextDigest(before));
});

test("a definition's own file at such a path is refused by its field", () => {
  const policy = { path: '/etc/containers/policy.json', mode: '0644', content: '{}' };
  assert.throws(() => rendered({ files: [motd, policy] }), {
    reason: 'RenderFailed',
    message:
      'spec.files[1].path: "/etc/containers/policy.json": what hosts accept follows from the cluster\'s TrustPolicies; remove it, and say it in a TrustPolicy',
  });
  assert.doesNotThrow(() => rendered({ files: [policy] }, []));
});

test('so is a second file with default-docker, for which containers/image would refuse every pull', () => {
  const wrong = own('default-docker:\n  lookaside: https://signatures.example.com\n');
  assert.throws(() => rendered({ files: [wrong] }), /spec\.files\[0\]\.path: .* has default-docker, as .*every pull is refused/);
  assert.doesNotThrow(() =>
    rendered({ files: [own('docker:\n  registry.example.com:\n    use-sigstore-attachments: false\n')] }),
  );
  assert.doesNotThrow(() => rendered({ files: [own('a: [')] }));
  assert.doesNotThrow(() => rendered({ files: [wrong] }, hostTrust.slice(0, 1)));
});

test('a file where a directory is needed is refused too', () => {
  const file = { path: '/usr/lib/scantling', mode: '0644', content: 'a' };
  assert.throws(
    () => rendered({ files: [file] }),
    /"\/usr\/lib\/scantling\/trust\.json" needs the directory "\/usr\/lib\/scantling"/,
  );
});

function told(...scopes: string[]): readonly HostFile[] {
  return hostFiles(
    scopes.map((scope, i) => scopedPolicy(`p${i}`, scope, { mode: 'Skip' })),
    [],
    0,
  ).files;
}

function unit(name: string, image: string) {
  return { path: `/etc/containers/systemd/${name}`, mode: '0644', content: `[Container]\nImage=${image}\n` };
}

function warningsOf(spec: Partial<SystemDefinitionSpec>, files: readonly HostFile[]): string[] {
  return rendered(spec, files).warnings;
}

describe('pulls that hosts would refuse are found', () => {
  test('of files for Quadlet', () => {
    const files = [unit('good.container', 'registry.example.com/apps/web:1'), unit('bad.container', 'quay.io/acme/web:1')];
    assert.deepEqual(warningsOf({ files }, told('registry.example.com/apps')), [
      "spec.files[1].path: hosts refuse to pull quay.io/acme/web:1 for /etc/containers/systemd/bad.container: of the TrustPolicies they are told those of this definition's own images, and none of these covers it, or none of its keys counts; make it a workload",
    ]);
    assert.deepEqual(warningsOf({ files }, told('')), []);
    assert.deepEqual(warningsOf({ files }, []), []);
    const others = [unit('a.container', 'web.image'), unit('b.container', '${IMAGE}'), unit('c.volume', 'quay.io/x/y')];
    assert.deepEqual(warningsOf({ files: others }, told('registry.example.com')), []);
  });

  test('of CRI-O, unless it has a policy of its own', () => {
    const units = [{ name: 'crio.service', enabled: true, mask: false }];
    assert.match(warningsOf({ units }, told('registry.example.com')).join(), /^spec\.units: CRI-O reads .*signature_policy/);
    assert.deepEqual(warningsOf({ units }, told('')), []);
    const own = {
      path: '/etc/crio/crio.conf.d/50.conf',
      mode: '0644',
      content: '[crio.image]\nsignature_policy = "/etc/crio/p.json"\n',
    };
    assert.deepEqual(warningsOf({ units, files: [own] }, told('registry.example.com')), []);
    assert.match(
      warningsOf({ packages: { manager: 'dnf', install: ['cri-o'] } }, told('registry.example.com')).join(),
      /spec\.packages\.install: CRI-O reads/,
    );
  });
});
