/** The parser and its checks beside the real buildah: what one refuses as written the other does, and what is written anew builds the same. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { BuildContext } from '../../controller/definition/build-context.ts';
import { checkContainerfile } from '../../controller/definition/containerfile-check.ts';
import { parseContainerfile } from '../../controller/definition/containerfile-parse.ts';
import { directiveOf, foundationText, writeInstructions } from '../../controller/definition/containerfile-text.ts';
import { collectProblems } from '../../controller/definition/problems.ts';
import { withoutBuildah } from '../build/build-fixture.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { ProgramRoot } from '../cluster/program-root.ts';
import { inputsOf, run } from './definition-fixture.ts';

const files = { 'a.conf': 'A', 'b.conf': 'B', 'dir/c': 'C', 'dir/link': '-> c', 'x y': 'space' };
const context = new BuildContext('', inputsOf(files), collectProblems('RenderFailed'));

/** Refused by both. */
const bad: Record<string, string> = {
  'an unknown instruction': 'RUM a',
  'an instruction without its arguments': 'WORKDIR',
  'ENV without a value': 'ENV A',
  'ENV with a value in two words': 'ENV A=b c',
  'a quote without its end': 'ENV A="b',
  'LABEL without a value': 'LABEL a',
  'COPY of one word': 'COPY a.conf',
  'COPY of what is not there': 'COPY missing /x',
  'COPY of a pattern without a match': 'COPY *.missing /x',
  'COPY from a stage that is not there': 'COPY --from=nowhere /x /y',
  'a flag of COPY': 'COPY --nothing a.conf /x',
  'a mode that is not octal': 'COPY --chmod=rwx a.conf /x',
  'a flag of RUN': 'RUN --nothing true',
  'FROM without an image': 'FROM',
  'FROM of four words': 'FROM base AS a b',
  'JSON that is not strings': 'CMD ["a", 1]',
  'nested JSON': 'CMD ["a", ["b"]]',
  'SHELL that is not JSON': 'SHELL /bin/sh -c',
  'an escape character that is none': '# escape=x\nRUN true',
  HEALTHCHECK: 'HEALTHCHECK nothing',
  VOLUME: 'VOLUME',
  EXPOSE: 'EXPOSE',
  ARG: 'ARG',
};

/** Taken by both, and of equal effect; the files that they write below /out are compared, and the config. */
const good: Record<string, string> = {
  'the shape of lines': 'RUN mkdir /out\n  # c\nrun echo a \\\n# b\n\n  c \\\n  > /out/a\r\nENV \\\n A=b\n',
  'another escape character': '# escape=`\nENV A=b` c D="e f"\nRUN mkdir /out && `\n  echo "\\\\$A" > /out/a',
  quotes: `ENV A="b c" D=e\\ f G='$A "x"' H=\${D:-none}\${NONE:-some}\${A:+set}\nENV I $A j\nLABEL "k l"="m$A" n=\\$A\nRUN mkdir /out && echo "$A|$D|$G|$H|$I" > /out/env`,
  'arguments and stages':
    'ARG V=1\nFROM base AS one\nARG V\nARG W=$V-w\nRUN mkdir /out && echo $V $W > /out/v\nFROM base\nCOPY --from=one /out /out',
  'sources of COPY':
    'ARG D=dir\nCOPY *.conf /out/\nCOPY ["x y", "/out/x y"]\nADD $D /out/dir\nCOPY ?.c[a-o]nf /out/q/\nCOPY ./dir/../dir/link /out/l\nWORKDIR /out\nCOPY --chmod=0600 a.conf w',
  'the exec form': 'RUN ["mkdir", "/out"]\nRUN ["sh", "-c", "echo $0 > /out/a", "b \\" c"]\nCMD ["a", "b"]\nENTRYPOINT a b',
  'what only looks like a here-document': `RUN mkdir /out && echo "<<EOF" '<<X' $((1<<2)) > /out/a`,
  mounts: 'RUN --mount=type=bind,source=dir,target=/mnt mkdir /out && cat /mnt/c > /out/c',
  'the rest':
    'USER 0\nWORKDIR /out\nWORKDIR rel\nRUN echo a > b\nVOLUME /v /w\nEXPOSE 80 90/udp\nSTOPSIGNAL SIGTERM\nMAINTAINER x y\nHEALTHCHECK NONE',
};

function read(text: string): { problems: string[]; written: string } {
  const file = parseContainerfile(text);
  const { problems, heading, body } = checkContainerfile({ file, args: {}, secrets: new Set(), context });
  const write = (instructions: typeof body): string => writeInstructions(instructions, file.escape, []);
  return {
    problems: problems.map(({ message }) => message),
    written: foundationText({ directive: directiveOf(file), heading: write(heading), body: write(body) }),
  };
}
/** As the author wrote it, with only the base before it. */
function raw(text: string): string {
  const [directive = ''] = /^# escape=.\n/.exec(text) ?? [];
  const rest = text.slice(directive.length);
  const [heading = ''] = /^(ARG .*\n)*(?=FROM )/.exec(rest) ?? [];
  return `${directive}ARG SCANTLING_BASE\n${heading}FROM \${SCANTLING_BASE} AS base\n${rest.slice(heading.length)}\n`;
}

describe('beside buildah', { skip: withoutBuildah() }, () => {
  let directory: string;
  const buildah = (...args: string[]): ReturnType<typeof run> =>
    run('buildah', ['--root', join(directory, 'root'), '--runroot', join(directory, 'run'), '--storage-driver', 'vfs', ...args]);
  const build = async (name: string, text: string, tag = `localhost/${name}`): ReturnType<typeof run> => {
    const file = join(directory, name);
    await writeFile(file, text);
    const how = ['--isolation', 'chroot', '--format', 'oci', '--pull=never', '--layers=false', '--timestamp', '0'];
    const base = ['--build-arg', 'SCANTLING_BASE=localhost/shell', '--tag', tag];
    return buildah('build', ...how, ...base, '--file', file, join(directory, 'context'));
  };

  before(async () => {
    directory = temporaryDirectory('containerfile');
    await mkdir(join(directory, 'context'));
    const all = context.read('.');
    assert.ok(!('problem' in all));
    await writeFile(join(directory, 'tar'), context.tar(all));
    assert.equal((await run('tar', ['-x', '-f', join(directory, 'tar'), '-C', join(directory, 'context')])).code, 0);
    const root = new ProgramRoot().add({ path: 'tmp/.keep', mode: 0o644, bytes: new Uint8Array(0) });
    for (const name of ['sh', 'env', 'mkdir', 'cat', 'mktemp', 'chmod', 'rm']) root.addProgram(name);
    await writeFile(join(directory, 'context', 'shell.tar'), root.tar());
    assert.equal((await build('shell', 'FROM scratch\nADD shell.tar /\n')).code, 0);
  });

  for (const [name, text] of Object.entries(bad)) {
    test(`both refuse ${name}`, async () => {
      const { code, stderr } = await build('bad', raw(text));
      assert.notEqual(code, 0, 'buildah takes it');
      assert.notEqual(read(text).problems.length, 0, stderr);
    });
  }

  /** /out of an image, where the vfs driver has it: a container to look into would be a copy of it all. */
  async function outOf(tag: string): Promise<string> {
    const index = await readFile(join(directory, 'root', 'vfs-images', 'images.json'), 'utf8');
    const images = JSON.parse(index) as { names?: string[]; layer: string }[];
    const image = images.find(({ names }) => names?.includes(`${tag}:latest`));
    return join(directory, 'root', 'vfs', 'dir', image?.layer ?? '', 'out');
  }

  /** Config and files below /out. */
  async function result(tag: string): Promise<unknown> {
    const { stdout } = await buildah('inspect', '--type', 'image', tag);
    const out = await outOf(tag);
    const listing = await run('find', ['.', '-printf', '%p %m %U:%G %l\n'], { cwd: out });
    const content = await run('find', ['.', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], { cwd: out });
    assert.notEqual(content.stdout, '');
    return {
      config: (JSON.parse(stdout) as { OCIv1: { config: unknown } }).OCIv1.config,
      listing: listing.stdout.split('\n').toSorted(),
      content: content.stdout.split('\n').toSorted(),
    };
  }

  for (const [i, [name, text]] of Object.entries(good).entries()) {
    test(`both take, and read alike, ${name}`, async () => {
      const { problems, written } = read(text);
      assert.deepEqual(problems, []);
      for (const [kind, text] of Object.entries({ raw: raw(good[name] ?? ''), written })) {
        const { code, stdout, stderr } = await build(`${kind}-${i}`, text);
        assert.equal(code, 0, `${kind}: ${stdout}${stderr}`);
      }
      assert.deepEqual(await result(`localhost/written-${i}`), await result(`localhost/raw-${i}`));
    });
  }

  test('an ignore file leaves out the same', async () => {
    const rules = [
      '# a comment',
      '*.md',
      '!README.md',
      '/lib/',
      'docs/**',
      '!docs/keep*',
      '**/*.tmp',
      'a?c',
      '[x-z]1',
      'deep/./er/../er',
      'no\\*star',
    ];
    const names = [
      'a.md',
      'README.md',
      'sub/b.md',
      'lib/x',
      'sub/lib/x',
      'docs/a',
      'docs/keep',
      'docs/d/keepnot',
      'a.tmp',
      'sub/s/a.tmp',
    ];
    names.push('abc', 'abbc', 'x1', 'w1', 'deep/er/z', 'deep/z', 'no*star', 'no-star', '!', 'plain');
    const files = Object.fromEntries(names.map(name => [name, name]));
    const ignoring = new BuildContext(
      '',
      inputsOf({ ...files, '.dockerignore': rules.join('\n') }),
      collectProblems('RenderFailed'),
    );
    const ours = ignoring.read('.');
    assert.ok(!('problem' in ours));
    const place = join(directory, 'ignoring');
    for (const name of names) {
      await mkdir(dirname(join(place, name)), { recursive: true });
      await writeFile(join(place, name), name);
    }
    await writeFile(join(place, '.dockerignore'), rules.join('\n'));
    await writeFile(join(directory, 'ignored'), 'FROM scratch\nCOPY . /out\n');
    const file = join(directory, 'ignored');
    const { code, stderr } = await buildah('build', '--tag', 'localhost/ignored', '--timestamp', '0', '--file', file, place);
    assert.equal(code, 0, stderr);
    const { stdout } = await run('find', ['.', '-type', 'f', '-printf', '%P\n'], { cwd: await outOf('localhost/ignored') });
    const theirs = stdout
      .trim()
      .split('\n')
      .filter(name => name !== '.dockerignore');
    assert.deepEqual([...ours].toSorted(), theirs.toSorted());
  });

  test('here-documents, which not every buildah knows', async () => {
    const text = [
      'RUN <<EOF',
      '# a comment',
      '  set -e',
      'mkdir /out; A="b \\" c"',
      'echo "$A" \'FROM x\' > /out/a',
      'EOF',
      'RUN cat <<"A" > /out/b && cat <<-B > /out/c',
      '$HOME \\n é',
      'A',
      '\ttabs $((1+1))',
      '\tB',
      'RUN <<EOF',
      '#!/usr/bin/env sh',
      'echo ran > /out/interpreted',
      'EOF',
    ].join('\n');
    const { problems, written } = read(text);
    assert.deepEqual(problems, []);
    const { code, stdout, stderr } = await build('documents', written);
    assert.equal(code, 0, stdout + stderr);
    const out = await outOf('localhost/documents');
    assert.equal(await readFile(join(out, 'a'), 'utf8'), 'b " c FROM x\n');
    assert.equal(await readFile(join(out, 'b'), 'utf8'), '$HOME \\n é\n');
    assert.equal(await readFile(join(out, 'c'), 'utf8'), 'tabs 2\n');
    assert.equal(await readFile(join(out, 'interpreted'), 'utf8'), 'ran\n');
  });
});
