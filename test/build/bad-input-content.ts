/** Rows of bad-inputs.test.ts: what is wrong with a definition, or with the base that it names. */
import { randomBytes } from 'node:crypto';
import { literally, motd, onShell, run, type Row } from './bad-input-row.ts';
import { pushBase, shellLayer } from './build-fixture.ts';

export const contentRows: Record<string, Row> = {
  'COPY of a file that is not there': {
    good: onShell,
    async spoil({ scene, name }, good) {
      const containerfile = 'RUN mkdir /opt\n# The file that comes next.\nCOPY app.conf /etc/app.conf\n';
      await scene.repository.commit({ [`${name}/Containerfile`]: containerfile, [`${name}/context/other`]: '' }, 'Copy a file');
      const bad = {
        ...good,
        sourceRef: { name: 'fleet', path: name },
        containerfile: { from: 'Containerfile', context: 'context' },
      };
      return { bad, mend: async () => void (await scene.repository.commit({ [`${name}/context/app.conf`]: 'x' }, 'Add it')) };
    },
    of: 'definition',
    reason: 'RenderFailed',
    message: ({ name }) => new RegExp(`${name}/Containerfile:3: COPY: .*app\\.conf`),
    is: 'Stalled',
  },
  'a Containerfile of 2 MB': {
    good: onShell,
    async spoil({ scene, name }, good) {
      const steps = 'RUN true\n';
      await scene.repository.commit({ [`${name}/Containerfile`]: steps + `# ${'x'.repeat(998)}\n`.repeat(2_000) }, 'Say much');
      const bad = { ...good, sourceRef: { name: 'fleet', path: name }, containerfile: { from: 'Containerfile' } };
      return {
        bad,
        mend: async () => void (await scene.repository.commit({ [`${name}/Containerfile`]: `${steps}RUN true\n` }, 'Say it')),
      };
    },
    of: 'definition',
    reason: 'RenderFailed',
    message: /spec\.containerfile\.from: the Containerfile holds 200\d{4} bytes, more than 1048576; put what is large into files/,
    is: 'Stalled',
  },
  'a base that is not bootable': {
    good: onShell,
    async spoil({ scene, name }, good) {
      const base = `${scene.server.host}/base/${name}-plain`;
      await pushBase(scene.registry, base, { layers: [randomBytes(10)], labels: {}, tag: '1' });
      const mend = async (): Promise<void> => {
        await pushBase(scene.registry, base, { layers: [shellLayer()], tag: '1' });
        await scene.request(name);
      };
      return { bad: { ...good, base: { image: `${base}:1` } }, mend };
    },
    of: 'definition',
    reason: 'BaseNotBootable',
    message: ({ scene, name }) =>
      new RegExp(
        `^base image ${literally(`${scene.server.host}/base/${name}-plain`)}@sha256:\\S+ \\(linux/\\S+\\) is not bootable: it has neither label`,
      ),
    is: 'Stalled',
  },
  'steps on a base of another architecture': {
    good: onShell,
    async spoil({ scene, name }, good) {
      const base = `${scene.server.host}/base/${name}-other`;
      await pushBase(scene.registry, base, { layers: [shellLayer()], architecture: 's390x', tag: '1' });
      const bad = { ...good, base: { image: `${base}:1` }, ...run('echo made > /etc/made') };
      return { bad, mend: () => Promise.resolve({ ...good, ...run('echo made > /etc/made') }) };
    },
    of: 'build',
    reason: 'PlatformUnsupported',
    message: /linux\/s390x/,
    is: 'Stalled',
    definition: { reason: 'BuildFailed', message: /linux\/s390x/ },
  },
  'a platform that the base does not have': {
    good: onShell,
    spoil: (_, good) =>
      Promise.resolve({
        bad: { ...good, platforms: ['linux/s390x'] },
        mend: () => Promise.resolve({ ...good, ...motd('second') }),
      }),
    of: 'definition',
    reason: 'PlatformUnsupported',
    message: /linux\/s390x.*linux\/(amd64|arm64)/,
    is: 'Stalled',
  },
  'the output repository of another definition': {
    async good(place) {
      const good = await onShell(place);
      // Its name comes first too, should both be created within the same second.
      await place.scene.apply(`elder-${place.name}`, { ...good, output: { repository: `${place.repository}-elder` } });
      return good;
    },
    spoil({ repository }, good) {
      const changed = { ...good, ...motd('second') };
      const bad = { ...changed, output: { repository: `${repository}-elder` } };
      return Promise.resolve({ bad, mend: () => Promise.resolve(changed) });
    },
    of: 'definition',
    reason: 'OutputConflict',
    message: ({ name, repository }) =>
      new RegExp(
        `^spec\\.output\\.repository: ${literally(repository)}-elder is the output of SystemDefinition elder-${name}, which is older; choose another repository$`,
      ),
    is: 'Stalled',
  },
};
