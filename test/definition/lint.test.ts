/** bootc's lint on the files of a definition: each rule once found and once content. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import type { Placement } from '../../controller/definition/image-tree.ts';
import { checkKernelArgumentsFile } from '../../controller/definition/kernel-arguments-file.ts';
import { lintPlan } from '../../controller/definition/lint.ts';
import { render } from '../../controller/definition/render.ts';
import { specOf } from './definition-fixture.ts';

/** `-> target` is a link. */
const findings = (files: Record<string, string>): string[] =>
  lintPlan(
    Object.entries(files).map(([path, text]): Placement => ({
      path,
      field: 'spec.files[0].path',
      content: text.startsWith('-> ') ? { link: text.slice(3) } : { mode: 0o644, bytes: Buffer.from(text) },
    })),
  );

const kargs = '/usr/lib/bootc/kargs.d';
const bound = '/usr/lib/bootc/bound-images.d';
const quadlets = '/usr/share/containers/systemd';
const image = `Image=quay.io/a/b@sha256:${'a'.repeat(64)}`;

const cases: Record<string, [files: Record<string, string>, ...expected: string[]]> = {
  'an unknown key of kargs.d': [
    { [`${kargs}/10-a.toml`]: '# a\nkargs = ["a"]\nkarg = []\n' },
    `bootc-kargs: spec.files[0].path: ${kargs}/10-a.toml: line 3: the key "karg" is unknown to bootc; it takes kargs and match-architectures`,
  ],
  'another file in kargs.d': [
    { [`${kargs}/a.conf`]: 'x', [`${kargs}/a.toml`]: "kargs = ['a']" },
    `bootc-kargs: spec.files[0].path: ${kargs}/a.conf: bootc reads files that end in .toml only`,
  ],
  'a kernel': [
    { '/usr/lib/modules/6.1/vmlinuz': 'x', '/usr/lib/modules/6.1/extra/a.ko': 'x' },
    'kernel: spec.files[0].path: /usr/lib/modules/6.1/vmlinuz: an image has one kernel, and the base has it already; bring another by a base of your own',
  ],
  'composefs off': [
    { '/usr/lib/ostree/prepare-root.conf': '[composefs]\nenabled = no\n[root]\nenabled = true\n' },
    'baseimage-composefs: spec.files[0].path: /usr/lib/ostree/prepare-root.conf: does not enable composefs: [composefs], enabled = true',
  ],
  'composefs on': [{ '/etc/ostree/prepare-root.conf': '[sysroot]\nreadonly=true\n[composefs]\n# on\nenabled = signed\n' }],
  'accounts by hand': [
    {
      '/etc/passwd': 'root:x:0:0::/:/bin/sh\nedge:x:1::/:/bin/sh\ncore:x:2::/:/bin/sh\n',
      '/usr/lib/sysusers.d/core.conf': 'u core 2 - /\n',
    },
    'sysusers: spec.files[0].path: /etc/passwd: "edge" without an entry in sysusers.d; use spec.users',
  ],
  'what engines leave': [
    { '/etc/hostname': '', '/etc/resolv.conf': 'nameserver 1.1.1.1\n' },
    'buildah-injected: spec.files[0].path: /etc/hostname: is empty; leave it out',
  ],
  'a name that was not UTF-8': [
    { '/etc/a\ufffd': 'x' },
    'utf8: spec.files[0].path: /etc/a\ufffd: the name or the target of the link is not UTF-8',
  ],
  'bound images': [
    {
      [`${bound}/file.image`]: image,
      [`${bound}/odd`]: '-> /usr/share/x.pod',
      [`${bound}/good.image`]: `-> ${quadlets}/good.image`,
      [`${bound}/base.container`]: `-> ${quadlets}/of-the-base.container`,
      [`${bound}/none.container`]: '-> ../../../share/containers/systemd/none.container',
      [`${bound}/loose.image`]: `-> ${quadlets}/loose.image`,
      [`${bound}/secret.image`]: `-> ${quadlets}/secret.image`,
      [`${bound}/specifier.container`]: `-> ${quadlets}/specifier.container`,
      [`${quadlets}/good.image`]: `[Image]\n${image}\n`,
      [`${quadlets}/none.container`]: '[Container]\n',
      [`${quadlets}/loose.image`]: '[Image]\nImage=quay.io/a/b:1\n',
      [`${quadlets}/secret.image`]: `[Image]\n${image}\nAuthFile=/etc/x\n`,
      [`${quadlets}/specifier.container`]: '[Container]\nImage=quay.io/a/%i\n',
    },
    `bound-images: spec.files[0].path: ${bound}/file.image: must be a symbolic link to a .image or .container file of podman`,
    `bound-images: spec.files[0].path: ${bound}/loose.image: Image= of ${quadlets}/loose.image is not pinned by a digest`,
    `bound-images: spec.files[0].path: ${bound}/none.container: ${quadlets}/none.container has no Image=`,
    `bound-images: spec.files[0].path: ${bound}/odd: links to /usr/share/x.pod, which ends neither in .image nor in .container`,
    `bound-images: spec.files[0].path: ${bound}/secret.image: AuthFile= of ${quadlets}/secret.image is refused by bootc`,
    `bound-images: spec.files[0].path: ${bound}/specifier.container: Image= of ${quadlets}/specifier.container has a specifier, which bootc does not read`,
  ],
};
for (const [name, [files, ...expected]] of Object.entries(cases)) {
  test(`lint: ${name}`, () => assert.deepEqual(findings(files), expected));
}

test('what we generate has no findings', () => {
  const spec = specOf({
    kernelArguments: ['a="b"', '\\'],
    users: [
      { name: 'core', sshAuthorizedKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER'] },
    ],
  });
  assert.deepEqual(render({ definition: 'worker', spec, inputs: new Map() }).warnings, []);
});

test('kargs.d as bootc reads it', () => {
  const good = [
    'kargs = []',
    'kargs = [ "a" , \'b\\n\', # c\n "\\u00e9\\t" , ]\r\n"match-architectures" = ["x86_64", \'aarch64\'] # d',
    'kargs = ["""a\nb""", \'\'\'c\'\'\']',
  ];
  for (const text of good) assert.equal(checkKernelArgumentsFile(text), undefined, text);
  const bad: [text: string, line: number, message: RegExp][] = [
    ['', 1, /kargs is missing/],
    ['match-architectures = ["x86_64"]', 1, /kargs is missing/],
    ['kargs = []\nmatch-architectures = ["amd64"]', 2, /"amd64" is no architecture/],
    ['\n[table]\nkargs = []', 2, /only the keys/],
    ['kargs = "a"', 1, /array of strings is expected/],
    ['kargs = ["a" "b"]', 1, /"," or "]"/],
    ['kargs = [1]', 1, /string in quotes/],
    ['kargs = ["a"', 1, /"," or "]"/],
    ['kargs = ["\\x41"]', 1, /no escape/],
    ['kargs = ["\\ud800"]', 1, /no character/],
    ['kargs = [] kargs = []', 1, /new line/],
    ['kargs = []\nkargs = []', 2, /given twice/],
    ['kargs.a = []', 1, /"=" is expected/],
    ['kargs : []', 1, /"=" is expected/],
  ];
  for (const [text, line, message] of bad) {
    const found = checkKernelArgumentsFile(text);
    assert.equal(found?.line, line, text);
    assert.match(found?.message ?? '', message, text);
  }
});

test('any arguments that are written are read', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), values => {
      assert.equal(checkKernelArgumentsFile(`kargs = ${JSON.stringify(values).replaceAll('\u007f', '')}`), undefined);
    }),
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('kargs', '=', '[', ']', '"', "'", '\\', ',', '#', '\n', ' ', 'u') }),
      text => void checkKernelArgumentsFile(text),
    ),
  );
});

test('the level decides what a finding does', () => {
  const files = [{ path: '/etc/hostname', mode: '0644', content: '' }];
  const at = (lint: SystemDefinitionSpec['build']['lint']) => {
    const spec = specOf({ files });
    return render({
      definition: 'worker',
      document: 'a.yaml',
      spec: { ...spec, build: { ...spec.build, lint } },
      inputs: new Map(),
    });
  };
  const finding = 'buildah-injected: spec.files[0].path: /etc/hostname: is empty; leave it out';
  assert.deepEqual(at('Warn').warnings, [finding]);
  assert.deepEqual(at('Off').warnings, []);
  assert.throws(() => at('Error'), new StallingError('LintFailed', `a.yaml: spec.build.lint: ${finding}`));
});

test('what a Containerfile copies is judged too', () => {
  const spec = specOf({ containerfile: { inline: 'FROM scratch AS a\nFROM base\nCOPY --from=a /x /boot/x\n' } });
  assert.deepEqual(render({ definition: 'worker', spec, inputs: new Map() }).warnings, [
    'nonempty-boot: spec.containerfile.inline line 3: COPY writes to /boot/x; /boot belongs to the host',
  ]);
});
