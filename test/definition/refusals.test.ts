/** Every refusal names the field and says what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { inputsOf, specOf } from './definition-fixture.ts';

interface Case {
  spec: Partial<SystemDefinitionSpec>;
  inputs?: Record<string, string>;
  message: string;
}

const sourceRef = { name: 'fleet', path: 'systems/worker' };
const file = (path: string) => ({ path, mode: '0644', content: '' });
const outside =
  'is not below /etc, /usr/bin, /usr/lib, /usr/libexec or /usr/share; write it elsewhere, or in containerfile.inline';

const repository = { name: 'tools', url: 'https://example.com/', suite: './', gpgCheck: false, keep: false };

const cases: Record<string, Case> = {
  'a file outside the roots': { spec: { files: [file('/opt/tool')] }, message: `spec.files[0].path: /opt/tool ${outside}` },
  'a root itself': { spec: { files: [file('/etc')] }, message: `spec.files[0].path: /etc ${outside}` },
  'a name that only starts like a root': {
    spec: { files: [file('/etcetera/x')] },
    message: `spec.files[0].path: /etcetera/x ${outside}`,
  },
  '/usr/lib64': { spec: { files: [file('/usr/lib64/x')] }, message: `spec.files[0].path: /usr/lib64/x ${outside}` },
  'a path through ..': {
    spec: { files: [file('/etc/../var/x')] },
    message: 'spec.files[0].path: "/etc/../var/x" has an empty segment, "." or ".."; write the path in full',
  },
  'an empty segment': {
    spec: { files: [file('/etc//x')] },
    message: 'spec.files[0].path: "/etc//x" has an empty segment, "." or ".."; write the path in full',
  },
  'a control character': {
    spec: { files: [file('/etc/a\nb')] },
    message: 'spec.files[0].path: "/etc/a\\nb" holds a control character or is not Unicode',
  },
  'half a surrogate pair': {
    spec: { files: [file('/etc/\ud800')] },
    message: 'spec.files[0].path: "/etc/\\ud800" holds a control character or is not Unicode',
  },
  'a whiteout': {
    spec: { files: [file('/etc/.wh.passwd')] },
    message: 'spec.files[0].path: "/etc/.wh.passwd" has a segment that starts with ".wh."',
  },
  'a long segment': {
    spec: { files: [file(`/etc/${'é'.repeat(128)}`)] },
    message: `spec.files[0].path: "/etc/${'é'.repeat(128)}" has a segment of more than 255 bytes`,
  },
  'one path twice': {
    spec: { files: [file('/etc/a'), file('/etc/a')] },
    message: 'spec.files[1].path: "/etc/a" is also written by spec.files[0].path; keep one of them',
  },
  'a file that is also a directory': {
    spec: { files: [file('/etc/a/b'), file('/etc/a')] },
    message:
      'spec.files[0].path: "/etc/a/b" needs the directory "/etc/a", which spec.files[1].path makes a file; keep one of them',
  },
  'a tree over a file': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc/' }], files: [file('/etc/motd')] },
    inputs: { 'systems/worker/rootfs/motd': '' },
    message: 'spec.files[0].path: "/etc/motd" is also written by spec.trees[0]; keep one of them',
  },
  'a tree over a tree': {
    spec: {
      sourceRef,
      trees: [
        { from: 'a', to: '/etc' },
        { from: 'b', to: '/etc' },
      ],
    },
    inputs: { 'systems/worker/a/x': '', 'systems/worker/b/x': '' },
    message: 'spec.trees[1]: "/etc/x" is also written by spec.trees[0]; keep one of them',
  },
  'a file below a link of a tree': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc' }], files: [file('/etc/current/x')] },
    inputs: { 'systems/worker/rootfs/current': '-> v1', 'systems/worker/rootfs/v1/y': '' },
    message:
      'spec.files[0].path: "/etc/current/x" needs the directory "/etc/current", which spec.trees[0] makes a symbolic link; keep one of them',
  },
  'a file over what is generated': {
    spec: { kernelArguments: ['quiet'], files: [file('/usr/lib/bootc/kargs.d/10-scantling.toml')] },
    message:
      'spec.files[0].path: "/usr/lib/bootc/kargs.d/10-scantling.toml" is also written by spec.kernelArguments; keep one of them',
  },
  'a tree that reaches outside the roots': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/' }] },
    inputs: { 'systems/worker/rootfs/var/x': '' },
    message: `spec.trees[0]: /var/x ${outside}`,
  },
  'a tree to a path through ..': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc/..' }] },
    inputs: { 'systems/worker/rootfs/x': '' },
    message: 'spec.trees[0].to: "/etc/.." has an empty segment, "." or ".."; write the path in full',
  },
  'a tree with nothing in it': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc' }] },
    message: 'spec.trees[0].from: "systems/worker/rootfs" holds no file',
  },
  'an absolute link in a tree': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc' }] },
    inputs: { 'systems/worker/rootfs/localtime': '-> /usr/share/zoneinfo/UTC' },
    message:
      'spec.trees[0].from: "systems/worker/rootfs/localtime" is a symbolic link to "/usr/share/zoneinfo/UTC", which is absolute; ' +
      'make it relative to stay inside its tree',
  },
  'a link out of its tree': {
    spec: { sourceRef, trees: [{ from: 'rootfs', to: '/etc' }] },
    inputs: { 'systems/worker/rootfs/d/l': '-> ../../secret' },
    message: 'spec.trees[0].from: "systems/worker/rootfs/d/l" is a symbolic link to "../../secret", which leaves its tree',
  },
  'a file that is a link': {
    spec: { sourceRef, files: [{ path: '/etc/a', mode: '0644', from: 'a' }] },
    inputs: { 'systems/worker/a': '-> b' },
    message: 'spec.files[0].from: "systems/worker/a" is a symbolic link to "b"; name the file itself, or use a tree',
  },
  'an absolute from': {
    spec: { sourceRef, files: [{ path: '/etc/a', mode: '0644', from: '/etc/passwd' }] },
    message: 'spec.files[0].from: "/etc/passwd" is absolute; name it relative to the document',
  },
  'a from that leaves the repository': {
    spec: { sourceRef, trees: [{ from: '../../../home', to: '/etc' }] },
    message: 'spec.trees[0].from: "../../../home" leaves the repository; move what it names into the repository',
  },
  'a from without a source': {
    spec: { files: [{ path: '/etc/a', mode: '0644', from: 'a' }] },
    message: 'spec.files[0].from: reads a path of a repository, so spec.sourceRef is needed',
  },
  'a unit that is only named': {
    spec: { units: [{ name: 'a.service', mask: false }] },
    message: 'spec.units[0]: a.service is only named; give contents, dropIns, enabled or mask',
  },
  'wantedBy of a unit that is not enabled': {
    spec: { units: [{ name: 'a.service', mask: false, contents: '', wantedBy: ['x.target'] }] },
    message: 'spec.units[0].wantedBy: links an enabled unit only; add enabled: true to a.service',
  },
  'a template that is enabled': {
    spec: { units: [{ name: 'a@.service', mask: false, contents: '', enabled: true }] },
    message: 'spec.units[0].enabled: a@.service is a template; enable an instance of it, as a@NAME.service',
  },
  'one uid twice': {
    spec: {
      users: [
        { name: 'a', uid: 1000 },
        { name: 'b', uid: 1000 },
      ],
    },
    message: 'spec.users[1].uid: 1000 is also the uid of spec.users[0]',
  },
  'a home through ..': {
    spec: { users: [{ name: 'a', home: '/var/home/../lib' }] },
    message: 'spec.users[0].home: "/var/home/../lib" has an empty segment, "." or ".."; write the path in full',
  },
  'a home with a specifier': {
    spec: { users: [{ name: 'a', home: '/var/home/%i' }] },
    message: 'spec.users[0].home: "/var/home/%i" holds unusual characters',
  },
  'keys in a home that is not made': {
    spec: { users: [{ name: 'a', home: '/', sshAuthorizedKeys: ['ssh-ed25519 A'] }] },
    message:
      'spec.users[0].sshAuthorizedKeys: need a home that can be made, below /home/, /var/home/, /var/lib/, /srv/, /var/srv/; / is not',
  },
  'a shell for root': {
    spec: { users: [{ name: 'root', shell: '/bin/sh' }] },
    message: 'spec.users[0].shell: root is made by the base; only groups and sshAuthorizedKeys can be given',
  },
  'a description with a control character': {
    spec: { users: [{ name: 'a', description: 'a\tb' }] },
    message: 'spec.users[0].description: holds a control character',
  },
  'a label of bootc': {
    spec: { labels: { 'containers.bootc': '0' } },
    message: 'spec.labels["containers.bootc"]: is set by Scantling or read by bootc; choose another label',
  },
  'a label of ostree': {
    spec: { labels: { 'ostree.bootable': '1' } },
    message: 'spec.labels["ostree.bootable"]: is set by Scantling or read by bootc; choose another label',
  },
  'a label of the build': {
    spec: { labels: { 'org.opencontainers.image.base.digest': 'x' } },
    message: 'spec.labels["org.opencontainers.image.base.digest"]: is set by Scantling or read by bootc; choose another label',
  },
  'a label of Scantling': {
    spec: { labels: { 'dev.scantling.context': 'x' } },
    message: 'spec.labels["dev.scantling.context"]: is set by Scantling or read by bootc; choose another label',
  },
  'a label that is no name': {
    spec: { labels: { 'a b': 'x' } },
    message: 'spec.labels["a b"]: a label is made of letters, digits, ".", "_", "/" and "-"',
  },
  'a label with a control character': {
    spec: { labels: { 'com.example.a': 'x\ny' } },
    message: 'spec.labels["com.example.a"]: the value holds a control character',
  },
  'a package both installed and removed': {
    spec: { packages: { manager: 'dnf', install: ['vim'], remove: ['vim'] } },
    message: 'spec.packages: vim is both installed and removed',
  },
  'repositories that cannot be': {
    spec: {
      packages: {
        manager: 'apt',
        install: ['vim'],
        repositories: [
          { ...repository, name: 'login', url: 'https://me:secret@example.com/' },
          { ...repository, name: 'flat', components: ['main'] },
          { ...repository, name: 'suite', suite: 'stable' },
          { ...repository, name: 'binary', gpgKey: '\u0099' },
          { ...repository, name: 'private', gpgKey: '-----BEGIN PGP PRIVATE KEY BLOCK-----' },
        ],
      },
    },
    message:
      'spec.packages.repositories["binary"].gpgKey: is no ASCII-armored public key; ' +
      'spec.packages.repositories["flat"].components: a flat repository (suite ./) has none; take them out, or correct suite; ' +
      'spec.packages.repositories["login"].url: holds credentials, which everyone who can pull the image could read; ' +
      'spec.packages.repositories["private"].gpgKey: is a private key; give the public one, and make a new pair; ' +
      'spec.packages.repositories["suite"].components: are needed for the suite stable, as [main]; the suite of a flat repository ends in /',
  },
  'components for dnf': {
    spec: { packages: { manager: 'dnf', install: ['vim'], repositories: [{ ...repository, components: ['main'] }] } },
    message: 'spec.packages.repositories["tools"].components: are of an apt repository; dnf has none',
  },
  'packages beside a Containerfile': {
    spec: { packages: { manager: 'dnf', install: ['vim'] }, containerfile: { inline: 'RUN true' } },
    message: 'spec.containerfile: excludes spec.packages; install the packages in it',
  },
};

for (const [name, { spec, inputs = {}, message }] of Object.entries(cases)) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => render({ definition: 'worker', spec: specOf(spec), inputs: inputsOf(inputs) }),
      (error: unknown) => {
        assert.ok(error instanceof StallingError);
        assert.equal(error.reason, 'RenderFailed');
        assert.equal(error.message, message);
        return true;
      },
    );
  });
}

test('one message names the document and every problem, up to ten', () => {
  const files = Array.from({ length: 12 }, (_, i) => file(`/opt/${i}`));
  assert.throws(
    () => render({ definition: 'worker', spec: specOf({ files }), inputs: new Map(), document: 'systems/worker.yaml' }),
    (error: unknown) => {
      assert.ok(error instanceof StallingError);
      assert.match(
        error.message,
        /^systems\/worker\.yaml: spec\.files\[0\]\.path: .*; spec\.files\[9\]\.path: [^;]*;[^;]*; and 2 more$/,
      );
      return true;
    },
  );
});

test('too many bytes are refused before anything is made of them', () => {
  const bytes = new Uint8Array(129 * 1024 * 1024);
  const spec = specOf({
    sourceRef,
    files: ['a', 'b'].map(name => ({ path: `/etc/${name}`, mode: '0644', from: name })),
  });
  const inputs = new Map(['a', 'b'].map(name => [`systems/worker/${name}`, { type: 'file', executable: false, bytes }] as const));
  assert.throws(
    () => render({ definition: 'worker', spec, inputs }),
    new StallingError(
      'RenderFailed',
      'spec: files and trees hold 270532608 bytes, more than 268435456; put large files into the base',
    ),
  );
});
