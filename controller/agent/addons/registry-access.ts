/**
 * The way from this host to registries: our own client, set up as the host's tools are. Loaded only once an addon has to be fetched, so that an agent
 * without addons does not carry it.
 */
import type { NodeTargetSpec } from '../../api/node-target.ts';
import type { Client } from '../../kube/client.ts';
import { createRegistry } from '../../registry/client.ts';
import { mergeCredentials, parseDockerConfig } from '../../registry/credentials.ts';
import type { DockerConfig } from '../../registry/credentials.ts';
import { proxyFromEnvironment } from '../../registry/proxy.ts';
import type { Registry } from '../../registry/registry.ts';
import { readHostFile } from '../host-file.ts';
import { PullSecretError } from '../pull-secret.ts';
import { readPullSecret } from '../pull-secret-file.ts';
import { readHostAuthorities, readHostRegistries } from './host-registries.ts';

/** Where bootc looks for credentials; the first file that is there counts. */
const authFiles = ['/run/ostree/auth.json', '/etc/ostree/auth.json', '/usr/lib/ostree/auth.json'];

export interface HostRegistryOptions {
  client: Pick<Client, 'get'>;
  /** That of the agents' Secrets. */
  namespace: string;
  /** Where the host's file system is seen. */
  root: string;
  userAgent: string;
}

/** The client; close it when the fetch is over. */
export async function openRegistry({ root, userAgent }: HostRegistryOptions): Promise<Registry> {
  const [configuration, ca] = await Promise.all([readHostRegistries(root), readHostAuthorities(root)]);
  return createRegistry({
    configuration: () => configuration,
    ...(ca === undefined ? {} : { ca }),
    userAgent,
    proxy: proxyFromEnvironment(process.env),
  });
}

/** The pull Secret of the target over the host's own credentials, as bootc gets them. Rejects with PullSecretError. */
export async function credentialsFor(
  { client, namespace, root }: HostRegistryOptions,
  wanted: NodeTargetSpec['pullSecret'],
): Promise<DockerConfig | undefined> {
  const own = wanted ? await readPullSecret(client, namespace, wanted.name) : undefined;
  const text = own?.data?.['.dockerconfigjson'];
  const given = text === undefined ? undefined : parsed(Buffer.from(text, 'base64').toString('utf8'), `Secret ${wanted?.name}`);
  return mergeCredentials(given, await hostCredentials(root));
}

async function hostCredentials(root: string): Promise<DockerConfig | undefined> {
  for (const path of authFiles) {
    const text = await readHostFile(root, path);
    if (text !== undefined) return parsed(text, `${path} on the host`);
  }
  return undefined;
}

function parsed(text: string, what: string): DockerConfig {
  try {
    return parseDockerConfig(text);
  } catch (error) {
    throw new PullSecretError('PullSecretUnavailable', `${what} holds no registry credentials`, { cause: error });
  }
}
