/** Where policies of a cluster have their keys from: Secrets and ConfigMaps of the operator's namespace, each read by its name and never listed. */
import { configMaps, secrets } from '../api/core.ts';
import { WaitingError } from '../api/errors.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isNotFound } from '../kube/errors.ts';
import type { Contents, Sources } from './sources.ts';
import type { PolicyReason } from './reasons.ts';

export interface ClusterSourcesOptions {
  client: Pick<Client, 'get'>;
  /** The operator's namespace. */
  namespace: string;
  trustedRoot: Sources['trustedRoot'];
}

export function createClusterSources({ client, namespace, trustedRoot }: ClusterSourcesOptions): Sources {
  const read = async <T extends KubeObject & { data?: Record<string, string> }>(
    resource: Resource<T>,
    name: string,
    encoding: BufferEncoding,
  ): Promise<Contents | undefined> => {
    try {
      const { data = {} } = await client.get(resource, name, namespace);
      return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // That we may not read it is as certain as that it is not there, and a person must change it.
      if (error instanceof ApiError && error.status === 403) throw forbidden(error);
      throw error;
    }
  };
  return {
    secret: name => read(secrets, name, 'base64'),
    configMap: name => read(configMaps, name, 'utf8'),
    trustedRoot,
  };
}

function forbidden(error: ApiError): WaitingError {
  return new WaitingError('KeyUnreadable' satisfies PolicyReason, error.message, 30_000, { cause: error });
}
