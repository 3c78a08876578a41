/** A whole collection, page by page. */
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Client, ListOptions } from './client.ts';
import { isGone, isNotFound } from './errors.ts';

/** Nodes are large: half of the usual page keeps the peak of memory low. */
const pageSize = 250;
const maxExpiredLists = 3;

/**
 * What `project` makes of every object. A kind that the API server definitely does not serve has none. A list whose snapshot expires between
 * its pages is begun again. Throws as Client does.
 */
export async function listAll<T extends KubeObject, P>(
  client: Client,
  resource: Resource<T>,
  project: (object: T) => P,
  options: Pick<ListOptions, 'namespace' | 'labelSelector'> = {},
): Promise<P[]> {
  for (let expired = 0; ; expired++) {
    try {
      return await pages(client, resource, project, options);
    } catch (error) {
      if (isNotFound(error)) return [];
      if (!isGone(error) || expired === maxExpiredLists) throw error;
    }
  }
}

async function pages<T extends KubeObject, P>(
  client: Client,
  resource: Resource<T>,
  project: (object: T) => P,
  options: Pick<ListOptions, 'namespace' | 'labelSelector'>,
): Promise<P[]> {
  const out: P[] = [];
  for (let next: string | undefined; ;) {
    const page = await client.list(resource, { ...options, limit: pageSize, ...(next === undefined ? {} : { continue: next }) });
    for (const object of page.items) out.push(project(object));
    next = page.metadata.continue || undefined;
    if (next === undefined) return out;
  }
}
