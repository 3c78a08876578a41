/** Registry access of the commands that run outside the controller: from files. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TransientError, messageOf } from '../api/errors.ts';
import type { Config } from '../config.ts';
import { readRegistriesFiles } from '../registry/configuration-files.ts';
import { mergeCredentials, parseDockerConfig } from '../registry/credentials.ts';
import type { RegistriesConfiguration } from '../registry/configuration.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { proxyFromEnvironment } from '../registry/proxy.ts';
import type { ProxySettings } from '../registry/proxy.ts';

/**
 * The credentials of docker config files, merged; for equal keys the first one's count for pulling, the last one's for pushing.
 * @throws TransientError `SecretNotFound` or `InvalidSecret`: a Secret that is being replaced may not be there for a moment.
 */
export async function readCredentials(files: readonly string[], use: 'pull' | 'push'): Promise<DockerConfig | undefined> {
  const configs = await Promise.all(files.map(readDockerConfig));
  const inOrder = use === 'pull' ? configs : configs.toReversed();
  return inOrder.reduce<DockerConfig | undefined>(mergeCredentials, undefined);
}

/**
 * The files that hold registry credentials: those that were named, else what podman and docker would read, in their order
 * (containers-auth.json(5)), as far as it is there.
 */
export async function authFiles(
  named: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  if (named.length > 0) return named;
  if (env['REGISTRY_AUTH_FILE']) return [env['REGISTRY_AUTH_FILE']];
  const home = env['HOME'] ?? '/';
  const usual = [
    ...(env['XDG_RUNTIME_DIR'] ? [join(env['XDG_RUNTIME_DIR'], 'containers/auth.json')] : []),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'containers/auth.json'),
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
  ];
  const there = await Promise.all(usual.map(isThere));
  return usual.filter((_, i) => there[i]);
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false;
    throw error;
  }
}

async function readDockerConfig(file: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new TransientError('SecretNotFound', `registry credentials: ${messageOf(error)}`, { cause: error });
  }
  try {
    return parseDockerConfig(text);
  } catch (error) {
    throw new TransientError('InvalidSecret', `registry credentials in ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** How registries are reached: as the flags say, and else through the proxy that the environment names. The configuration is read once. */
export function registryOptions(config: Config): {
  insecureHosts: ReadonlySet<string>;
  configuration: () => Promise<RegistriesConfiguration>;
  proxy: ProxySettings;
} {
  const files = { file: config['registries-file'], certificatesDirectory: config['certificates-directory'] };
  let read: Promise<RegistriesConfiguration> | undefined;
  return {
    insecureHosts: new Set(config['insecure-registries']),
    configuration: () => (read ??= readRegistriesFiles(files)),
    proxy: proxyFromEnvironment(process.env),
  };
}
