/** Builds test servers from the Go modules that pin them. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goCommand } from './go-command.mjs';
import { SetupError, withProgress } from './progress.mjs';
import { runCommand } from './run-command.mjs';
import { gcflags, missingServers, moduleDirectory } from './server-binaries.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** From 1.21 on, Go fetches the newer toolchain that a go.mod asks for. */
const oldestGo = 21;

async function checkGo() {
  const advice =
    'The test servers are built with Go where they cannot be downloaded. Install Go 1.21 or newer (https://go.dev/dl), ' +
    'or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, registry, referrers-registry, helm, helm-3, helm-oldest and kubectl.';
  let version;
  try {
    version = await runCommand(goCommand(), ['version']);
  } catch {
    throw new SetupError(`go is missing. ${advice}`);
  }
  const minor = Number(/go1\.(\d+)/.exec(version)?.[1]);
  if (minor < oldestGo) throw new SetupError(`${version.trim()} is too old. ${advice}`);
}

/**
 * The last part of a package's path that is not a major version: what `go build` calls the program.
 * @param {string} path
 */
const programOf = path => basename(/\/v\d+$/.test(path) ? dirname(path) : path);

/**
 * Copies servers of the same versions that were built from another go.mod to where `go build` will write: go looks at the build id in
 * them and links only those anew that would be different.
 * @param {string} target directory of the servers
 * @param {string} temporary
 * @param {[path: string, name: string][]} packages
 */
function copyEarlier(target, temporary, packages) {
  const prefix = basename(target).replace(/[0-9a-f]+$/, '');
  const earlier = readdirSync(dirname(target))
    .filter(name => name.startsWith(prefix) && /^[0-9a-f]+$/.test(name.slice(prefix.length)) && name !== basename(target))
    .map(name => join(dirname(target), name))
    // oxlint-disable-next-line unicorn/no-array-sort -- the set-up runs on Node 18, which has no toSorted
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const [path, name] of packages) {
    const from = earlier.map(directory => join(directory, name)).find(file => existsSync(file));
    if (from) copyFileSync(from, join(temporary, programOf(path)));
  }
}

/**
 * Builds what is missing of a module's servers into the cache.
 * @param {import('./server-binaries.mjs').ServerModule} server
 * @throws {SetupError} when Go is missing or the build fails
 */
export async function buildServers(server) {
  const missing = missingServers(server);
  const packages = Object.entries(server.packages).filter(([, name]) => missing.includes(name));
  if (packages.length === 0) return;
  await checkGo();
  const target = moduleDirectory(server);
  const temporary = `${target}.${process.pid}`;
  const cwd = join(here, server.module);
  // A workspace or flags of this user must not change what is built.
  const env = { ...process.env, GOWORK: 'off', GOFLAGS: '' };
  const paths = packages.map(([path]) => path);
  try {
    await withProgress(`building ${missing.join(', ')} with go`, async detail => {
      let fetched = 0;
      const tags = server.tags === undefined ? [] : [`-tags=${server.tags}`];
      const listed = await runCommand(goCommand(), ['list', '-deps', ...tags, ...paths], {
        cwd,
        env,
        line: text => text.startsWith('go: downloading') && detail(`${++fetched} modules fetched`),
      });
      const total = listed.trim().split('\n').length;
      let compiled = 0;
      detail(`${total} packages to compile or to take from Go's cache`);
      const flags = ['-v', ...tags, `-gcflags=${gcflags}`, `-ldflags=${server.ldflags}`];
      mkdirSync(temporary, { recursive: true });
      copyEarlier(target, temporary, packages);
      await runCommand(goCommand(), ['build', ...flags, '-o', `${temporary}/`, ...paths], {
        cwd,
        env,
        line: text => detail(`${++compiled} of at most ${total} packages compiled, the last ${text}`),
      });
      mkdirSync(target, { recursive: true });
      for (const [path, name] of packages) renameSync(join(temporary, programOf(path)), join(target, name));
    });
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`The test servers cannot be built. ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
