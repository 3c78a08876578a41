/** Registry access of the commands that run outside the controller: from files. */
import { readFile } from 'node:fs/promises';
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
