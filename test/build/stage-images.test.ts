import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stageImages } from '../../controller/build/stage-images.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

test('the images of other stages, of COPY and of mounts are found once each', () => {
  const containerfile = [
    'ARG SCANTLING_BASE',
    'FROM ${SCANTLING_BASE} AS base',
    `FROM --platform=linux/amd64 r.example/go@${digest} AS tools`,
    `  from r.example/go@${digest}`,
    `COPY --chown=0:0 --from=r.example:5000/a/b:1@${digest} /x /y`,
    `RUN --mount=type=bind,from=r.example/c@${digest},target=/c true`,
    'COPY --from=tools /x /z',
    `RUN echo r.example/no@${digest}`,
  ].join('\n');
  assert.deepEqual(stageImages(containerfile), [
    `r.example/go@${digest}`,
    `r.example:5000/a/b:1@${digest}`,
    `r.example/c@${digest}`,
  ]);
});

test('quotes and continued lines hide no image', () => {
  const containerfile = [
    `COPY --from="r.example/a@${digest}" /x /y`,
    `COPY --fr\\\nom=r.example/b@${digest} /x /y`,
    `RUN --mount=type=bind,'from=r.exam\\  \nple/c@${digest}',target=/c true`,
    `COPY --f\\rom=r.example/d@${digest} /x /y`,
  ].join('\n');
  assert.deepEqual(
    stageImages(containerfile),
    ['a', 'b', 'c', 'd'].map(name => `r.example/${name}@${digest}`),
  );
});

test('a Containerfile made to be slow to read is read in a moment', () => {
  assert.deepEqual(stageImages('from='.repeat(400_000)), []);
  assert.deepEqual(stageImages(`FROM ${'--a '.repeat(400_000)}`), []);
  assert.deepEqual(stageImages('FROM '.repeat(400_000)), []);
  assert.deepEqual(stageImages('\nFROM x'.repeat(200_000)), []);
});
