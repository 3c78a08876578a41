import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { credentialsFor } from '../registry/credentials.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { emptyConfiguration } from '../registry/configuration.ts';
import type { RegistriesConfiguration } from '../registry/configuration.ts';
import { certificateFiles, registriesConf } from './buildah-registries.ts';

export type StorageDriver = 'overlay' | 'vfs';

export interface BuildahFiles {
  /** buildah's flags before the subcommand. */
  global: string[];
  authFile: string;
  policyFile: string;
  digestFile: string;
  containerfile: string;
  /** What COPY and ADD read; empty unless something is unpacked into it. */
  contextDirectory: string;
  /** Where values of --mount=type=secret may be put, each as a file of its own. */
  secretsDirectory: string;
  environment: Record<string, string>;
}

export interface BuildahInputs {
  /** As the Containerfile is to be, FROM included. */
  containerfile: string;
  /** Repositories that are pulled from and pushed to. */
  repositories: readonly string[];
  auth: DockerConfig | undefined;
  /** Default: nothing but what follows. */
  configuration?: RegistriesConfiguration;
  /** Hosts (with port) that are spoken to in plain http, besides those that the configuration names. */
  insecureHosts: ReadonlySet<string>;
  /** Default vfs, which works everywhere. */
  storageDriver?: StorageDriver;
}

/** Writes all that buildah reads below `directory`, so that nothing of the machine's own configuration decides what is built. */
export async function writeBuildahFiles(directory: string, inputs: BuildahInputs): Promise<BuildahFiles> {
  const at = (name: string): string => join(directory, name);
  const { storageDriver = 'vfs', configuration = emptyConfiguration, insecureHosts } = inputs;
  const directories = ['context', 'secrets', 'home', 'tmp', 'storage', 'run'];
  await Promise.all(directories.map(name => mkdir(at(name), { mode: 0o700 })));
  const write = (name: string, text: string): Promise<void> => writeFile(at(name), text, { mode: 0o600, flag: 'wx' });
  const storage = { driver: storageDriver, graphroot: at('storage'), runroot: at('run') };
  await Promise.all([
    write('auth.json', authJson(inputs)),
    // Signatures are verified by Scantling before an image becomes a base or a target; this file only lets buildah pull.
    write('policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}'),
    write('registries.conf', registriesConf(configuration, insecureHosts)),
    write('storage.conf', `[storage]\n${tomlOf(storage)}`),
    write('containers.conf', ''),
    write('Containerfile', inputs.containerfile),
  ]);
  // Looked for below the home directory before those of the machine (containers-certs.d(5)).
  for (const [path, text] of certificateFiles(configuration)) {
    const file = join('home/.config/containers/certs.d', path);
    await mkdir(dirname(at(file)), { recursive: true, mode: 0o700 });
    await write(file, text);
  }
  return {
    global: ['--root', at('storage'), '--runroot', at('run'), '--storage-driver', storageDriver],
    authFile: at('auth.json'),
    policyFile: at('policy.json'),
    digestFile: at('digest'),
    containerfile: at('Containerfile'),
    contextDirectory: at('context'),
    secretsDirectory: at('secrets'),
    environment: {
      HOME: at('home'),
      TMPDIR: at('tmp'),
      XDG_RUNTIME_DIR: at('tmp'),
      LC_ALL: 'C.UTF-8',
      CONTAINERS_CONF: at('containers.conf'),
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
      CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
    },
  };
}

/** Puts other credentials in the place of those that writeBuildahFiles wrote. */
export async function rewriteAuth(files: BuildahFiles, access: Pick<BuildahInputs, 'auth' | 'repositories'>): Promise<void> {
  const next = `${files.authFile}.next`;
  await writeFile(next, authJson(access), { mode: 0o600 });
  await rename(next, files.authFile);
}

/** containers-auth.json(5). The repositories in use get entries of their own: buildah knows no wildcards in keys. */
function authJson({ auth, repositories }: Pick<BuildahInputs, 'auth' | 'repositories'>): string {
  const entries = new Map(auth?.auths ?? []);
  for (const repository of repositories) {
    const credentials = credentialsFor(auth, repository);
    if (credentials) entries.set(repository, credentials);
  }
  const auths = [...entries]
    .filter(([key]) => !key.startsWith('*.'))
    .map(([key, { username, password, identityToken }]) => [
      key,
      {
        auth: Buffer.from(`${username}:${password}`).toString('base64'),
        ...(identityToken === undefined ? {} : { identitytoken: identityToken }),
      },
    ]);
  return JSON.stringify({ auths: Object.fromEntries(auths) as object });
}

/** A basic string of TOML is a string of JSON. */
function tomlOf(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
}
