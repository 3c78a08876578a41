/** Rows of bad-inputs.test.ts: what registries do, and Secrets for them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../kube/until.ts';
import { parseDockerConfig, type DockerConfig } from '../../controller/registry/credentials.ts';
import type { ExchangeMatcher, HttpExchange, HttpFault } from '../cluster/http-faults.ts';
import { registryCredentials, type RegistryServer } from '../cluster/registry.ts';
import { architecture, literally, motd, onShell, run, type Place, type Row } from './bad-input-row.ts';
import { pushBase } from './build-fixture.ts';
import { endStep, stepRuns } from './bad-input-steps.ts';

/** Larger than one piece of an upload. */
const largeBytes = 20 * 1024 * 1024;

const refusal = (status: number, code: string, message: string): HttpFault => ({
  status,
  body: JSON.stringify({ errors: [{ code, message }] }),
});
const below = (repository: string, matcher: ExchangeMatcher): ExchangeMatcher => {
  const path = `/v2/${repository.slice(repository.indexOf('/') + 1)}/`;
  return exchange => exchange.path.startsWith(path) && matcher(exchange);
};
/** How a message names a repository that refuses. */
const pushTo = (repository: string): string => literally(repository.replace('/', ' denies push on '));
const denies = (repository: string): string => `${pushTo(repository)} \\(403, no credentials were given\\): `;
const isUpload = ({ method, path }: HttpExchange): boolean => method !== 'HEAD' && path.includes('/blobs/uploads/');

/** Makes requests below the row's output repository fail until it is mended. */
const failing =
  (
    matcher: ExchangeMatcher,
    fault: HttpFault,
    change: (place: Place) => Promise<object> | object = () => motd('second'),
  ): Row['spoil'] =>
  async (place, good) => {
    const bad = { ...good, ...(await change(place)) };
    const { scene, name, repository } = place;
    const heal = scene.server.requests.fail(below(repository, matcher), fault);
    return {
      bad,
      async mend() {
        heal();
        await scene.request(name);
      },
    };
  };

/** A base in another registry, with a layer that is uploaded in pieces; its digest is new each time. */
async function largeBase({ scene, name }: Place, server: RegistryServer): Promise<{ base: { image: string }; layer: string }> {
  const repository = `${server.host}/base/${name}-large`;
  const { layers } = await pushBase(scene.registry, repository, { layers: [randomBytes(largeBytes)], architecture, tag: '1' });
  return { base: { image: `${repository}:1` }, layer: layers[0] ?? '' };
}

const dockerConfig = (host: string, username: string = registryCredentials.username): string =>
  JSON.stringify({ auths: { [host]: { username, password: registryCredentials.password } } });
const secretOf = ({ scene, name }: Place, username?: string): Promise<void> =>
  scene.secret(name, { '.dockerconfigjson': dockerConfig(scene.locked.host, username) });
const toLocked = ({ scene, name }: Place): object => ({
  output: { repository: `${scene.locked.host}/rows/${name}`, pushSecretRef: { name } },
});
const withLogin = ({ scene }: Place): DockerConfig => parseDockerConfig(dockerConfig(scene.locked.host));
const noSecrets = (seen: object): void => assert.ok(!JSON.stringify(seen).includes(registryCredentials.password));

/** Another name with the same password. */
const rotated = 'rotated';

/** Counts what it is asked of, so that it hits from the n-th on. */
function from(n: number, matcher: ExchangeMatcher): ExchangeMatcher {
  let seen = 0;
  return exchange => matcher(exchange) && ++seen >= n;
}

export const registryRows: Record<string, Row> = {
  // The first to begin, because it takes two minutes, in which the others are done.
  'a registry that is down for a minute in the middle of a push': {
    good: onShell,
    async spoil(place, good) {
      const { scene, name, repository } = place;
      const { base } = await largeBase(place, scene.bases);
      let since: number | undefined;
      // From the second piece of the large layer on nothing answers any more.
      const isSecond = from(2, ({ method }) => method === 'PATCH');
      const heal = scene.server.requests.fail(
        below(repository, exchange => {
          if (since === undefined && isSecond(exchange)) since = performance.now();
          return since !== undefined;
        }),
        { cutAfterBytes: 0 },
      );
      return {
        bad: { ...good, base },
        async during() {
          // The upload itself waits for two minutes before it is told.
          await until('the registry is down', () => since !== undefined);
          await sleep(60_000);
        },
        async mend() {
          heal();
          await scene.request(name);
        },
      };
    },
    of: 'build',
    reason: 'RegistryUnavailable',
    message: ({ repository }) =>
      new RegExp(`^${literally(repository.slice(0, repository.indexOf('/')))}: .*(other side closed|ECONNRESET)`),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /other side closed|ECONNRESET/ },
    finish: ({ build }) => assert.deepEqual([build?.status?.attempts, build?.status?.failure], [1, undefined]),
  },
  'push denied': {
    good: onShell,
    spoil: failing(isUpload, refusal(403, 'DENIED', 'requested access to the resource is denied')),
    of: 'definition',
    reason: 'RegistryAccessDenied',
    message: ({ repository }) => new RegExp(`^${denies(repository)}DENIED: requested access to the resource is denied`),
    is: 'Reconciling',
  },
  'push denied once the context is there': {
    good: onShell,
    spoil: failing(
      ({ method, path }) => method === 'PUT' && path.includes('/manifests/row-'),
      refusal(403, 'DENIED', 'the tag is immutable'),
    ),
    of: 'build',
    reason: 'RegistryAccessDenied',
    message: ({ repository }) => new RegExp(`^${denies(repository)}DENIED: the tag is immutable`),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /DENIED: the tag is immutable/ },
    finish: ({ build }) => assert.ok(build?.status?.lastHandledReconcileAt, 'the request has woken the build, not its time'),
  },
  'quota exceeded at the last blob': {
    good: onShell,
    // The definition pushes its layer and its plan, and then the build the config of the image. The words are Harbor's.
    spoil: failing(
      from(3, exchange => exchange.method === 'PUT' && isUpload(exchange)),
      refusal(
        403,
        'DENIED',
        'adding 1.2 KiB of storage resource, which when updated to current usage of 10.0 GiB will exceed the configured upper limit of 10.0 GiB.',
      ),
    ),
    of: 'build',
    reason: 'RegistryQuotaExceeded',
    message: ({ repository }) =>
      new RegExp(
        `${literally(repository.replace('/', ' answers 403 to PUT '))}/blobs/uploads: DENIED: adding 1\\.2 KiB .* exceed the configured upper limit of 10\\.0 GiB`,
      ),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /exceed the configured upper limit/ },
  },
  'a blob whose bytes are not those of its digest': {
    good: onShell,
    async spoil(place, good) {
      const { scene, name } = place;
      const { base, layer } = await largeBase(place, scene.bases);
      const heal = scene.bases.requests.fail(({ method, path }) => method === 'GET' && path.endsWith(layer), {
        corrupt: chunk => Buffer.from(chunk.map(byte => byte ^ 1)),
      });
      return {
        bad: { ...good, base },
        async mend() {
          heal();
          await scene.request(name);
        },
      };
    },
    of: 'build',
    reason: 'DigestMismatch',
    message: ({ scene, name }) => new RegExp(`${literally(`${scene.bases.host}/base/${name}-large`)}@sha256:[0-9a-f]{64}`),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /-large@sha256:/ },
  },
  'a blob upload that the registry loses': {
    good: onShell,
    spoil: failing(
      from(2, ({ method }) => method === 'PATCH'),
      refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry'),
      async place => ({ base: (await largeBase(place, place.scene.bases)).base }),
    ),
    of: 'build',
    reason: 'RegistryUnavailable',
    message: ({ repository }) =>
      new RegExp(`upload to ${literally(repository)}.*no longer knows an upload \\(404 BLOB_UPLOAD_UNKNOWN`),
    is: 'Reconciling',
    definition: { reason: 'BuildPending', message: /no longer knows an upload/ },
  },
  'a Secret to push with that is missing': {
    async good(place) {
      await secretOf(place);
      return onShell(place, toLocked(place));
    },
    spoil(place, good) {
      const { scene, name } = place;
      const output = { repository: `${scene.locked.host}/rows/${name}`, pushSecretRef: { name: `${name}-late` } };
      const mend = (): Promise<void> =>
        scene.secret(`${name}-late`, { '.dockerconfigjson': dockerConfig(scene.locked.host) }).then(() => scene.request(name));
      return Promise.resolve({ bad: { ...good, output, ...motd('second') }, mend });
    },
    of: 'definition',
    reason: 'SecretNotFound',
    message: ({ name }) => new RegExp(`Secret scantling-system/${name}-late not found`),
    is: 'Reconciling',
    credentials: withLogin,
  },
  'a Secret with a password that is wrong': {
    async good(place) {
      await secretOf(place);
      return onShell(place, toLocked(place));
    },
    async spoil(place, good) {
      await secretOf(place, 'somebody');
      const mend = (): Promise<void> => secretOf(place).then(() => place.scene.request(place.name));
      return { bad: { ...good, ...motd('second') }, mend };
    },
    of: 'definition',
    reason: 'RegistryAccessDenied',
    message: ({ scene, name }) => new RegExp(`^${literally(scene.locked.host)} denies pull on rows/${name} \\(401`),
    is: 'Reconciling',
    check: noSecrets,
    credentials: withLogin,
  },
  'a Secret that is rotated while the build runs': {
    async good(place) {
      const { scene, name } = place;
      await scene.secret(name, { '.dockerconfigjson': dockerConfig(scene.rotating.host) });
      return onShell(place, { output: { repository: `${scene.rotating.host}/rows/${name}`, pushSecretRef: { name } } });
    },
    spoil({ scene, name }, good) {
      const seconds = 87_654;
      return Promise.resolve({
        bad: { ...good, ...run(`sleep ${seconds} || echo made > /etc/made`) },
        async during() {
          await stepRuns(seconds);
          // The registry takes the new name only, and the Secret has the old one.
          const users = join(scene.rotating.directory, 'htpasswd');
          await writeFile(users, (await readFile(users, 'utf8')).replace(registryCredentials.username, rotated));
          await endStep(seconds);
        },
        async mend() {
          await scene.secret(name, { '.dockerconfigjson': dockerConfig(scene.rotating.host, rotated) });
          await scene.request(name);
          // What could not be pushed is made again.
          await endStep(seconds);
        },
      });
    },
    of: 'build',
    reason: 'RegistryAccessDenied',
    message: ({ scene, name }) =>
      new RegExp(
        `^(push to )?${literally(scene.rotating.host)}( denies pull on |/)rows/${name}.*(401|unauthorized: authentication required)`,
      ),
    is: 'Reconciling',
    check: noSecrets,
    finish: ({ build }) => assert.equal(build?.status?.attempts, 1, 'a denial uses up no attempt'),
    credentials: ({ scene }) => parseDockerConfig(dockerConfig(scene.rotating.host, rotated)),
  },
};
