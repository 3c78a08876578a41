/** What is refused in a Containerfile, and of what is warned, with the line and the very words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildContext } from '../../controller/definition/build-context.ts';
import { type CheckedContainerfile, checkContainerfile } from '../../controller/definition/containerfile-check.ts';
import { parseContainerfile } from '../../controller/definition/containerfile-parse.ts';
import { writeInstructions } from '../../controller/definition/containerfile-text.ts';
import { collectProblems } from '../../controller/definition/problems.ts';
import { inputsOf } from './definition-fixture.ts';

const pinned = `quay.io/tools/go@sha256:${'a'.repeat(64)}`;
const context = new BuildContext(
  'systems/worker/context',
  inputsOf({
    'systems/worker/context/.dockerignore': 'secret*\n!secret.pub\n',
    'systems/worker/context/app/main.go': 'x',
    'systems/worker/context/app/run.sh': 'x',
    'systems/worker/context/link': '-> app',
    'systems/worker/context/secret.key': 'x',
    'systems/worker/context/secret.pub': 'x',
  }),
  collectProblems('RenderFailed'),
);

function check(
  text: string,
  o: { args?: Record<string, string>; context?: BuildContext | undefined } = {},
): CheckedContainerfile {
  const file = parseContainerfile(text);
  return checkContainerfile({
    file,
    args: o.args ?? {},
    secrets: new Set(['token']),
    context: 'context' in o ? o.context : context,
  });
}

const advice = 'name it by its registry host and digest, as host/name@sha256:…, so that equal inputs give equal images';
const onBase = 'the last stage makes the image, so it is on spec.base: write FROM base, or leave the only FROM out';
const going = 'a line that goes on needs "\\" at the end of the line before';

const refused: Record<string, [text: string, ...problems: string[]]> = {
  'nothing at all': ['# only this\n', '1: there is no instruction'],
  'an unknown instruction': ['RUN a\nRUM b', `2: there is no instruction "RUM"; ${going}`],
  'a step whose line does not go on': ['RUN a &&\n  echo b', `2: there is no instruction "ECHO"; ${going}`],
  'what every object has': ['CONSTRUCTOR a', `1: there is no instruction "CONSTRUCTOR"; ${going}`],
  'RUN of nothing': ['RUN\nRUN []', '1: RUN takes a command', '2: RUN takes a command'],
  'flags where there are none': ['WORKDIR --x /a', '1: WORKDIR takes no flags, such as "--x"'],
  'missing arguments': [
    'ENV\nENV a\nLABEL a=b c\nARG\nARG =x\nUSER\nWORKDIR\nEXPOSE\nVOLUME []\nSTOPSIGNAL',
    '1: ENV takes NAME=VALUE',
    '2: ENV takes NAME=VALUE; "a" has no value',
    '3: LABEL takes NAME=VALUE; "c" has no "=", or the value before it needs quotes',
    '4: ARG takes a name, or NAME=VALUE',
    '5: ARG "=x": "" is no name',
    '6: USER takes a value',
    '7: WORKDIR takes a value',
    '8: EXPOSE takes a value',
    '9: VOLUME takes a value',
    '10: STOPSIGNAL takes a value',
  ],
  'quotes that do not end': [
    `ENV A="b\nWORKDIR /a'\nCOPY "app x" /y`,
    '1: ENV "A=\\"b": a " without its end',
    `2: WORKDIR "/a'": a ' without its end`,
    '3: COPY "\\"app": a " without its end',
    '3: COPY "x\\"": a " without its end',
  ],
  'a shell that is not JSON': ['SHELL /bin/bash', '1: SHELL takes the JSON form, as ["/bin/bash", "-c"]'],
  'a health check of another kind': ['HEALTHCHECK TCP 80', '1: HEALTHCHECK takes CMD with a command, or NONE'],
  ONBUILD: ['ONBUILD RUN a', '1: ONBUILD has no effect in an OCI image; write the instruction itself'],
  'a label of bootc': [
    'LABEL containers.bootc=0',
    '1: LABEL "containers.bootc" is set by Scantling or read by bootc; choose another label',
  ],
  'the argument of the base': ['ARG SCANTLING_BASE=x', '1: ARG SCANTLING_BASE is set by Scantling; choose another name'],

  'an image in place of the base': ['FROM quay.io/fedora/fedora-bootc:43\nRUN a', `1: ${onBase}`],
  'a stage after that of the base': [`FROM base\nRUN a\nFROM ${pinned}\nRUN b`, `3: ${onBase}`],
  'the argument of the base as an image': [
    'FROM ${SCANTLING_BASE}\nRUN a',
    '1: FROM "${SCANTLING_BASE}": SCANTLING_BASE has no value that is known before the build; write FROM base',
    `1: ${onBase}`,
  ],
  'an image that may move': [
    'FROM quay.io/tools/go:1 AS build\nFROM base',
    `1: FROM "quay.io/tools/go:1" is not pinned; ${advice}`,
  ],
  'an image without its registry': [
    'FROM golang AS build\nFROM base',
    `1: FROM "golang" is neither a stage above nor a full image name; ${advice}`,
  ],
  'a stage that comes later': [
    'FROM tools AS build\nFROM scratch AS tools\nFROM base',
    `1: FROM "tools" is neither a stage above nor a full image name; ${advice}`,
  ],
  'a variable of FROM without a value': [
    'ARG IMAGE\nFROM $IMAGE AS build\nFROM base',
    '2: FROM "$IMAGE": IMAGE has no value that is known before the build; declare it with ARG before the first FROM, and give it a value there or in spec.build.args',
  ],
  'FROM of too much': [
    'FROM base build\nFROM base AS\nFROM base',
    '1: FROM takes an image or a stage, and AS with a name',
    '2: FROM takes an image or a stage, and AS with a name',
  ],
  'a flag of FROM': [
    'FROM --platform=linux/arm64 base AS b\nFROM --x=y scratch AS c\nFROM base',
    '1: --platform is for images; a stage has the platform of what it starts from',
    '2: FROM takes no "--x=y"; only --platform=',
  ],
  'names of stages': [
    'FROM base AS base\nFROM base AS 1\nFROM base AS a\nFROM base AS a',
    '1: a stage cannot be called base: that is the stage of spec.base',
    '2: "1" is no name for a stage: a letter, then letters, digits, "-", "_" and "."',
    '4: the stage a is there already',
  ],

  'COPY of what is not there': [
    'COPY app/main.rs app/main.go /src/\nADD *.tar /\nCOPY app/ ../x /y/',
    '1: COPY: "app/main.rs" is not in the build context, "systems/worker/context"',
    '2: ADD: "*.tar" is not in the build context, "systems/worker/context"',
    '3: COPY: "../x" leaves the build context',
  ],
  'COPY of what is ignored': [
    'COPY secret.pub /a\nCOPY secret.key /b',
    '2: COPY: "secret.key" is not in the build context, "systems/worker/context"; .dockerignore leaves it out',
  ],
  'COPY of a pattern that is none': ['COPY [a /b', '1: COPY: "[a" is not a pattern: a "[" or "\\" without its end'],
  'COPY of one word': [
    'COPY a\nADD ["a"]',
    '1: COPY takes at least a source and a destination',
    '2: ADD takes at least a source and a destination',
  ],
  'COPY of a here-document': [
    'COPY <<EOF /a\nx\nEOF',
    '1: COPY takes no here-document here: write the file by spec.files, or by RUN cat > FILE <<EOF',
  ],
  'flags of COPY': [
    'COPY --x app /a\nCOPY --chmod=a+x app /a\nCOPY --chown= app /a\nADD --from=base app /a',
    '1: COPY takes no "--x"; only --chown, --chmod, --from, --link, --parents, --exclude',
    '2: COPY --chmod=a+x: the mode is octal, as 0755',
    '3: COPY --chown needs a value',
    '4: ADD takes no "--from=base"; only --chown, --chmod, --checksum, --link, --keep-git-dir, --exclude',
  ],
  'COPY from nowhere': [
    'FROM scratch AS a\nCOPY --from=b /x /y\nCOPY --from=a /x /y\nCOPY --from=0 /x /y\nCOPY --from=$A /x /y\nCOPY --from=quay.io/a/b:1 /x /y\nFROM base',
    '2: COPY --from: "b" is no stage above',
    '3: COPY --from: a is this stage itself',
    '4: COPY --from: stage 0 is named by its place; give it a name with AS',
    '5: COPY --from: name the stage or image itself; not every buildah knows variables here',
    `6: COPY --from: "quay.io/a/b:1" is not pinned; ${advice}`,
  ],
  'ADD from the network': [
    'ADD https://example.com/a /a\nADD https://example.com/a.git /b\nADD git@example.com:a /c',
    '1: ADD "https://example.com/a": what a URL gives is no input of the build; say what it must be by --checksum=sha256:…',
    '2: ADD "https://example.com/a.git": a Git repository is no input of the build; put what it needs into the build context',
    '3: ADD "git@example.com:a": a Git repository is no input of the build; put what it needs into the build context',
  ],

  'flags of RUN': [
    'RUN --security=insecure a\nRUN --network=host a\nRUN --network=bridge a\nRUN --x a',
    '1: RUN --security: a build has no privileges to give',
    "2: RUN --network=host: a step does not get the host's network",
    '3: RUN --network=bridge: there is only "none" and "default"',
    '4: RUN takes no "--x"; only --mount= and --network=',
  ],
  mounts: [
    [
      'RUN --mount=type=secret,id=other a',
      'RUN --mount=type=secret a',
      'RUN --mount=type=ssh a',
      'RUN --mount=type=nfs a',
      'RUN --mount=from=tools,target=/t a',
      'RUN --mount=type=cache,from=go:1,target=/t a',
      'RUN --mount=source=lib,target=/t a',
      'RUN --mount=type=$KIND a',
      'ARG STAGE=base',
      'RUN --mount=from=$STAGE,target=/t a',
    ].join('\n'),
    '1: RUN --mount=type=secret: "other" is not in spec.build.secrets',
    '2: RUN --mount=type=secret: name the secret by id=',
    '3: RUN --mount=type=ssh: a build has no SSH agent; give it a key by type=secret',
    '4: RUN --mount=type=nfs: there is only bind, cache, tmpfs, secret',
    '5: RUN --mount=type=bind from: "tools" is no stage above',
    `6: RUN --mount=type=cache from: "go:1" is neither a stage above nor a full image name; ${advice}`,
    '7: RUN --mount=type=bind: "lib" is not in the build context, "systems/worker/context"',
    '8: RUN "--mount=type=$KIND": KIND has no value that is known before the build',
    '10: RUN --mount=type=bind from: name the stage or image itself; not every buildah knows variables here',
  ],
};
for (const [name, [text, ...problems]] of Object.entries(refused)) {
  test(`refuses ${name}`, () => {
    assert.deepEqual(
      check(text).problems.map(({ line, message }) => `${line}: ${message}`),
      problems,
    );
  });
}

test('without a context there is nothing to copy', () => {
  const none = 'and there is none: name its directory by spec.containerfile.context';
  assert.deepEqual(check('COPY a /a\nRUN --mount=target=/t b', { context: undefined }).problems, [
    { line: 1, message: `COPY reads the build context, ${none}` },
    { line: 2, message: `RUN --mount=type=bind reads the build context, ${none}` },
  ]);
});

test('more instructions than a person writes', () => {
  assert.deepEqual(check('RUN a\n'.repeat(1001)).problems, [{ line: 1001, message: 'there are more than 1000 instructions' }]);
});

const taken: Record<string, string> = {
  'all of the language': [
    '# escape=\\',
    'ARG VERSION=1.2',
    `ARG IMAGE=${pinned}`,
    'FROM --platform=$BUILDPLATFORM ${IMAGE} AS build',
    'ARG VERSION',
    'WORKDIR /src',
    'COPY --chown=1:1 app/ ./',
    'RUN --mount=type=cache,target=/root/.cache --network=none go build -o /out/app',
    `COPY --from=${pinned} /etc/ssl /etc/ssl`,
    'FROM scratch AS files',
    'COPY --from=build /out /usr',
    'FROM base AS tools',
    'RUN --mount=from=files,target=/mnt cp -r /mnt/usr /',
    'FROM tools',
    'ARG VERSION',
    'ENV DIR=/opt/$VERSION NAME="a b"',
    'USER 1000',
    'RUN --mount=type=secret,id=token,target=/run/t cat /run/t',
    'USER root',
    'COPY ["link/main.go", "$DIR/"]',
    `ADD --checksum=sha256:${'b'.repeat(64)} https://example.com/a.tar /a.tar`,
    'RUN ["true"]',
    'CMD ["/sbin/init"]',
  ].join('\n'),
  'steps on the base before the first stage': `RUN a\nFROM ${pinned} AS build\nFROM base\nCOPY --from=build /x /usr/x`,
  'a variable of the base image in a source, which nobody knows here': 'COPY $SOMETHING /usr/x',
};
for (const [name, text] of Object.entries(taken)) {
  test(`takes ${name}`, () => assert.deepEqual(check(text).problems, []));
}

test('only what is read is an input: files of the context, arguments, secrets, and images', () => {
  const all = ['app/main.go', 'app/run.sh', 'link', 'secret.pub'];
  const read = (text: string): string[] => [...check(text).read].toSorted();
  assert.deepEqual(read('COPY app/*.go /a'), ['app/main.go']);
  assert.deepEqual(read('COPY link/main.go /a'), ['app/main.go', 'link']);
  assert.deepEqual(read('COPY link /a'), ['app/main.go', 'app/run.sh', 'link']);
  assert.deepEqual(read('ARG F=run.sh\nADD ./app/$F /a'), ['app/run.sh']);
  assert.deepEqual(read('COPY . /a'), all);
  assert.deepEqual(read('COPY $UNKNOWN /a'), all);
  assert.deepEqual(read('RUN --mount=target=/m a'), all);
  assert.deepEqual(read('COPY --from=base / /\nRUN a'), []);

  const args = { USED: '1', UNUSED: '2', IMAGE: pinned };
  const checked = check('ARG IMAGE\nFROM $IMAGE AS b\nARG USED=3\nRUN --mount=type=secret,id=token a\nFROM base', { args });
  assert.deepEqual([...checked.usedArgs].toSorted(), ['IMAGE', 'USED']);
  assert.deepEqual([...checked.usedSecrets], ['token']);
  assert.deepEqual([...checked.images.keys()], [pinned]);
});

test('FROM is written with what it names, for builders that pull it before', () => {
  const text = `ARG GO=${pinned}\nARG B=base\nFROM --platform=$BUILDPLATFORM "$GO" as build\nFROM \${B}`;
  const { heading, body, problems } = check(text);
  assert.deepEqual(problems, []);
  assert.equal(
    writeInstructions([...heading, ...body], '\\', problems),
    `ARG GO=${pinned}\nARG B=base\nFROM --platform=$BUILDPLATFORM ${pinned} as build\nFROM base\n`,
  );
});

test('what the host ignores is a warning, in the stages that make the image', () => {
  const text = [
    'FROM scratch AS other',
    'ENV A=1',
    'FROM base AS first',
    'ENV A=1',
    'FROM first',
    'ENTRYPOINT a',
    'EXPOSE 80',
    'SHELL ["/bin/bash", "-c"]',
    'MAINTAINER me',
    'USER edge',
    'COPY --from=other /a /var/lib/a',
    'COPY --from=other /a /usr/etc/a',
  ].join('\n');
  const { warnings, lint, leavesRoot } = check(text);
  assert.deepEqual(
    warnings.map(({ line, message }) => `${line}: ${message}`),
    [
      '4: ENV holds for the steps of the build; the host ignores it',
      '6: ENTRYPOINT says how a container is run; the host ignores it',
      '7: EXPOSE says how a container is run; the host ignores it',
      '8: SHELL has no effect in an OCI image; name the shell in RUN, as RUN ["/bin/bash", "-c", "…"]',
      '9: MAINTAINER is deprecated; use LABEL org.opencontainers.image.authors',
      '10: USER is "edge" at the end; the host ignores it',
    ],
  );
  assert.equal(leavesRoot, true);
  assert.deepEqual(
    lint.map(({ line, message }) => `${line}: ${message}`),
    [
      '11: var-tmpfiles: COPY writes to /var/lib/a; a host takes /var only from the first image it boots; make it by tmpfiles.d',
      '12: etc-usretc: COPY writes to /usr/etc/a; an image has /etc or /usr/etc, not both',
    ],
  );
  assert.equal(check('USER edge\nRUN a\nUSER 0').leavesRoot, false);
});
