import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';

/** The object, or undefined when the API server says definitely that it is not there. */
export async function findObject<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get(resource, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
