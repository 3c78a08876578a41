import { secrets } from '../api/core.ts';
import { WaitingError, messageOf } from '../api/errors.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Client } from '../kube/client.ts';
import { parseDockerConfig } from '../registry/credentials.ts';
import type { DockerConfig } from '../registry/credentials.ts';

/** A Secret that is missing or wrong is looked at again this often: its correction changes no object that is watched. */
const requeueMs = 30_000;

/**
 * The registry credentials of a Secret in the operator's namespace; undefined when none is named.
 * @throws WaitingError `SecretNotFound` or `InvalidSecret`.
 */
export async function readRegistrySecret(
  client: Client,
  namespace: string,
  name: string | undefined,
): Promise<DockerConfig | undefined> {
  if (name === undefined) return undefined;
  const where = `Secret ${namespace}/${name}`;
  let data: Record<string, string> | undefined;
  try {
    ({ data } = await client.get(secrets, name, namespace));
  } catch (error) {
    if (isNotFound(error)) throw new WaitingError('SecretNotFound', `${where} not found`, requeueMs);
    throw error;
  }
  const json = data?.['.dockerconfigjson'];
  if (json === undefined) throw new WaitingError('InvalidSecret', `${where} has no key .dockerconfigjson`, requeueMs);
  try {
    return parseDockerConfig(Buffer.from(json, 'base64').toString('utf8'));
  } catch (error) {
    throw new WaitingError('InvalidSecret', `${where}: ${messageOf(error)}`, requeueMs, { cause: error });
  }
}
