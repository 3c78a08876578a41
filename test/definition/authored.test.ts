/** spec.containerfile from the document to the plan: places in messages, caps, and what makes foundations equal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { contextDigest } from '../../controller/build/context.ts';
import type { Input } from '../../controller/definition/files.ts';
import { type Rendered, render } from '../../controller/definition/render.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { inputsOf, listTar, specOf } from './definition-fixture.ts';

const sourceRef = { name: 'fleet', path: 'systems/worker' };
const document = 'systems/worker/system.yaml';
type Build = Partial<SystemDefinitionSpec['build']>;

function rendered(
  containerfile: NonNullable<SystemDefinitionSpec['containerfile']>,
  o: { files?: Record<string, string>; more?: [string, Input][]; build?: Build } = {},
): Rendered {
  const spec = specOf({ sourceRef, containerfile });
  const inputs = new Map([...inputsOf(o.files ?? {}), ...(o.more ?? [])]);
  return render({ definition: 'worker', document, spec: { ...spec, build: { ...spec.build, ...o.build } }, inputs });
}

const refuses = (act: () => unknown, message: string): void => assert.throws(act, new StallingError('RenderFailed', message));

test('a problem of a file is told with the file and the line, one of the document with the field and the line', () => {
  const from = { from: 'Containerfile', context: 'context' };
  const files = { 'systems/worker/Containerfile': '# one\nRUN a\nCOPY b /c\n', 'systems/worker/context/a': '' };
  refuses(
    () => rendered(from, { files }),
    `${document}: systems/worker/Containerfile:3: COPY: "b" is not in the build context, "systems/worker/context"`,
  );
  refuses(
    () => rendered({ inline: 'RUN a\nRUM b\nCOPY c /d\n' }),
    `${document}: spec.containerfile.inline line 2: there is no instruction "RUM"; a line that goes on needs "\\" at the end of the line before; ` +
      'spec.containerfile.inline line 3: COPY reads the build context, and there is none: name its directory by spec.containerfile.context',
  );
});

test('a Containerfile of 2 MB is refused with the limit', () => {
  const text = `RUN a\n${'# comment\n'.repeat(200_000)}`;
  refuses(
    () => rendered({ from: 'Containerfile' }, { files: { 'systems/worker/Containerfile': text } }),
    `${document}: spec.containerfile.from: the Containerfile holds 2000006 bytes, more than 1048576; put what is large into files of the build context`,
  );
});

test('what is no text is refused', () => {
  const bytes = new Uint8Array([0x52, 0x55, 0x4e, 0x20, 0xff]);
  refuses(
    () => rendered({ from: 'C' }, { more: [['systems/worker/C', { type: 'file', executable: false, bytes }]] }),
    `${document}: spec.containerfile.from: the Containerfile is not UTF-8 text`,
  );
  refuses(
    () => rendered({ inline: 'RUN a\0' }),
    `${document}: spec.containerfile.inline: the Containerfile holds a NUL character`,
  );
  refuses(
    () => rendered({ from: 'C' }, { files: { 'systems/worker/C': '-> D' } }),
    `${document}: spec.containerfile.from: "systems/worker/C" is a symbolic link to "D"; name the file itself`,
  );
});

test('the build context holds what is read, as it is in Git', async () => {
  const files = {
    'systems/worker/ctx/.containerignore': '**/*.md\n',
    'systems/worker/ctx/.dockerignore': '*\n',
    'systems/worker/ctx/app/run.sh': '#!/bin/sh\n',
    'systems/worker/ctx/app/data': 'd',
    'systems/worker/ctx/app/README.md': 'r',
    'systems/worker/ctx/app/link': '-> ../other',
    'systems/worker/ctx/other': 'o',
  };
  const { plan, buildContext } = rendered({ inline: 'COPY app/ /usr/lib/app/\n', context: 'ctx' }, { files });
  assert.ok(buildContext);
  assert.deepEqual(plan.foundation?.context, { digest: sha256(buildContext), size: buildContext.length });
  assert.equal(
    (await listTar(buildContext)).replaceAll(/ +/g, ' '),
    '-rw-r--r-- 0/0 1 1970-01-01 00:00:00 app/data\n' +
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 app/link -> ../other\n' +
      '-rwxr-xr-x 0/0 10 1970-01-01 00:00:00 app/run.sh\n',
  );
});

test('a context that nothing reads is no input, and is told', () => {
  const files = { 'systems/worker/ctx/a': '' };
  const one = rendered({ inline: 'RUN a', context: 'ctx' }, { files });
  assert.equal(one.buildContext, undefined);
  assert.deepEqual(one.warnings, ['spec.containerfile.context: nothing reads it']);
  assert.equal(contextDigest(one), contextDigest(rendered({ inline: 'RUN a' })));
});

test('too large a context is refused, without what is ignored', () => {
  const bytes = new Uint8Array(129 * 1024 * 1024);
  const more = ['a', 'b'].map((name): [string, Input] => [
    `systems/worker/ctx/${name}`,
    { type: 'file', executable: false, bytes },
  ]);
  const containerfile = { inline: 'COPY a /usr/a', context: 'ctx' };
  refuses(
    () => rendered(containerfile, { more }),
    `${document}: spec.containerfile.context: holds 270532608 bytes, more than 268435456; leave out what is not needed, in .containerignore, or name a smaller directory`,
  );
  const files = { 'systems/worker/ctx/.containerignore': '/b' };
  assert.deepEqual(rendered(containerfile, { more, files }).warnings, []);
});

test('an ignore file that cannot be read is told with its line', () => {
  const files = { 'systems/worker/ctx/.dockerignore': '# a\n[b\n', 'systems/worker/ctx/a': '' };
  refuses(
    () => rendered({ inline: 'COPY a /usr/a', context: 'ctx' }, { files }),
    `${document}: systems/worker/ctx/.dockerignore:2: "[b" is not a pattern: a "[" or "\\" without its end`,
  );
});

test('arguments and secrets that are used are inputs of the foundation; what else there is changes nothing', () => {
  const inline = 'ARG VERSION\nRUN --mount=type=secret,id=token a $VERSION';
  const secrets = ['token', 'other'].map(id => ({ id, secretRef: { name: 's', key: id } }));
  const one = rendered({ inline }, { build: { args: { VERSION: '1', OTHER: '2' }, secrets } });
  assert.deepEqual(one.plan.foundation?.args, { VERSION: '1' });
  assert.deepEqual(one.plan.foundation?.secrets, ['token']);
  assert.deepEqual(one.warnings, [
    'spec.build.args["OTHER"]: no ARG of the Containerfile names it',
    'spec.build.secrets["other"]: no RUN of the Containerfile mounts it',
  ]);
  const other = rendered(
    { inline: `# a comment\n${inline}` },
    { build: { args: { VERSION: '1' }, secrets: secrets.slice(0, 1) } },
  );
  assert.equal(contextDigest(other), contextDigest(one));
  assert.notEqual(contextDigest(rendered({ inline }, { build: { args: { VERSION: '2' }, secrets } })), contextDigest(one));
});

test('names of arguments', () => {
  refuses(
    () => rendered({ inline: 'RUN a' }, { build: { args: { 'a b': '', SCANTLING_BASE: 'x' } } }),
    `${document}: spec.build.args["a b"]: the name of an argument is made of letters, digits and "_"; ` +
      'spec.build.args["SCANTLING_BASE"]: is set by Scantling; choose another name',
  );
});

test('stages, hoisted arguments, and a user that is left', () => {
  const pinned = `quay.io/tools/go@sha256:${'a'.repeat(64)}`;
  const inline = `# escape=\`\nARG V=1\nFROM ${pinned} AS b\nRUN a \`\n  b\nFROM base\nUSER edge\nRUN <<X\nc\nX`;
  const spec = specOf({ containerfile: { inline }, units: [{ name: 'sshd.service', mask: false, enabled: true }] });
  const { plan, warnings } = render({ definition: 'worker', spec, inputs: new Map() });
  assert.equal(
    plan.foundation?.containerfile,
    `# escape=\`\nARG SCANTLING_BASE\nARG V=1\nFROM \${SCANTLING_BASE} AS base\nFROM ${pinned} AS b\nRUN a \`\n  b\nFROM base\nUSER edge\n` +
      'RUN ["/bin/sh", "-c", "c\\n"]\nUSER 0\nRUN ["systemctl","enable","--","sshd.service"]\n',
  );
  assert.deepEqual(warnings, ['spec.containerfile.inline line 7: USER is "edge" at the end; the host ignores it']);
});
