/** Rows of bad-inputs.test.ts: steps that fail, print and do not end, run by buildah beside the controller. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { aptBaseLayer } from '../cluster/apt-base.ts';
import { startAptRepository } from '../cluster/apt-repository.ts';
import { until } from '../kube/until.ts';
import { architecture, motd, onShell, run, type Row } from './bad-input-row.ts';
import { pushBase } from './build-fixture.ts';

function slow(seconds: number): ReturnType<typeof run> {
  return run(`echo begun; sleep ${seconds}; echo made > /etc/made`);
}

/** The process that sleeps for so many seconds. */
async function sleeper(seconds: number): Promise<number | undefined> {
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // it has ended since
    if (line === `sleep\0${seconds}\0`) return Number(pid);
  }
  return undefined;
}

/** Resolves when a step sleeps for so many seconds. */
export async function stepRuns(seconds: number): Promise<number> {
  let found: number | undefined;
  await until(`a step that sleeps for ${seconds} s`, async () => (found = await sleeper(seconds)) !== undefined, 180_000);
  return found ?? 0;
}

/** Lets a step go on that sleeps, or will soon. */
export async function endStep(seconds: number): Promise<void> {
  process.kill(await stepRuns(seconds));
}

export const stepRows: Record<string, Row> = {
  'a package that nobody has': {
    async good(place) {
      const { scene, name, repository } = place;
      const base = `${scene.server.host}/base/${name}`;
      await pushBase(scene.registry, base, { layers: [aptBaseLayer()], architecture, tag: '1' });
      return { base: { image: `${base}:1` }, output: { repository }, ...motd('first') };
    },
    async spoil(place, good) {
      const packages = await startAptRepository([]);
      place.after(() => packages.stop());
      const repositories = [{ name: 'tools', url: packages.url, suite: './', gpgCheck: false }];
      return {
        bad: { ...good, packages: { manager: 'apt', install: ['nosuch'], repositories } },
        // The next attempt comes by itself.
        mend: () => packages.publish({ name: 'nosuch', version: '1', files: { 'usr/bin/nosuch': '#!/bin/sh\n' } }),
      };
    },
    of: 'build',
    reason: 'BuildFailed',
    message: /^attempt 1 of 3: step 3\/3: RUN .*: exit code 100: E: Unable to locate package nosuch; again in 10s$/,
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /E: Unable to locate package nosuch/ },
    check({ build }) {
      const { exitCode, stepNumber, log = [] } = build?.status?.failure ?? {};
      assert.deepEqual([exitCode, stepNumber], [100, 3]);
      assert.ok(log.includes('E: Unable to locate package nosuch'), log.join('\n'));
      assert.deepEqual([build?.status?.attempts, build?.status?.attemptsLeft], [1, 2]);
    },
    finish: ({ build }) => assert.deepEqual([build?.status?.attempts, build?.status?.failure], [2, undefined]),
  },
  'a secret that is missing': {
    good: onShell,
    spoil({ scene, name }, good) {
      const bad = {
        ...good,
        ...run('--mount=type=secret,id=key cat /run/secrets/key > /dev/null && echo made > /etc/made'),
        build: { secrets: [{ id: 'key', secretRef: { name, key: 'key' } }] },
      };
      const mend = (): Promise<void> => scene.secret(name, { key: 'value' }).then(() => scene.request(name));
      return Promise.resolve({ bad, mend });
    },
    of: 'build',
    reason: 'SecretNotFound',
    message: ({ name }) => new RegExp(`^Secret scantling-system/${name} not found$`),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /waits: Secret scantling-system\/row-\d+ not found$/ },
    finish: ({ build }) => assert.equal(build?.status?.attempts, 1, 'waiting used up no attempt'),
  },
  'a RUN that prints 100 MB and fails': {
    good: onShell,
    spoil(_, good) {
      const bad = { ...good, ...run('echo fine', loud('echo the end; sleep 0.3; exit 3')) };
      return Promise.resolve({
        bad,
        mend: () => Promise.resolve({ ...good, ...run('echo fine', loud('echo made > /etc/made')) }),
      });
    },
    of: 'build',
    reason: 'BuildFailed',
    message: /^attempt 1 of 3: step 3\/3: RUN i=0;.*: exit code 3: the end; again in 10s$/,
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /: exit code 3: the end/ },
    check({ build }) {
      const { stepNumber, exitCode, log = [] } = build?.status?.failure ?? {};
      assert.deepEqual([stepNumber, exitCode], [3, 3]);
      assert.ok(log.length <= 40 && log.some(line => /^99999 x{900}/.test(line)), `${log.length} lines`);
    },
  },
  'a RUN that never ends': {
    good: onShell,
    spoil(_, good) {
      const bad = { ...good, ...slow(98_765), build: { timeout: '5s' } };
      return Promise.resolve({ bad, mend: () => Promise.resolve({ ...good, ...slow(1), build: { timeout: '5m' } }) });
    },
    of: 'build',
    reason: 'BuildFailed',
    message: /^attempt 1 of 3: step 2\/2: RUN echo begun; sleep 98765; .*: not done after 5 s.*; again in 10s$/,
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /not done after 5 s/ },
    async check({ build }) {
      assert.ok(build?.status?.failure?.log?.includes('begun'));
      assert.equal(await sleeper(98_765), undefined, 'nothing of it runs on');
    },
  },
};

/** A RUN that prints 100 MB, and then does as told. */
function loud(end: string): string {
  return `i=0; while [ $i -lt 100000 ]; do echo "$i ${'x'.repeat(990)}"; i=$((i+1)); done; ${end}`;
}
