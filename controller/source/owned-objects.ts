/** The objects of the kinds that documents can have, as the API server holds them: list what is ours, read, write, remove, release. */
import { fieldManagers, sourceLabel } from '../api/names.ts';
import type { Resource } from '../api/resource.ts';
import type { Apply, Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Desired, Stored } from './desired.ts';
import { keyOf } from './prune.ts';

/** By kind, in the order in which they are applied: pools point to definitions and addons. */
const resources: Readonly<Record<string, Resource<Stored>>> = {
  SystemDefinition: {
    group: 'scantling.dev',
    version: 'v1alpha1',
    plural: 'systemdefinitions',
    kind: 'SystemDefinition',
    namespaced: false,
  },
  SystemAddon: { group: 'scantling.dev', version: 'v1alpha1', plural: 'systemaddons', kind: 'SystemAddon', namespaced: false },
  SystemPool: { group: 'scantling.dev', version: 'v1alpha1', plural: 'systempools', kind: 'SystemPool', namespaced: false },
};

/** Kinds in the order in which they are applied. */
export const appliedKinds: readonly string[] = Object.keys(resources);

const fieldManager = fieldManagers.source;
const pageSize = 500;

/** Everything with this source's label, by `Kind/name`. */
export async function listOwned(client: Client, source: string): Promise<Map<string, Stored>> {
  const owned = new Map<string, Stored>();
  for (const kind of appliedKinds) {
    let page: string | undefined;
    do {
      const list = await client.list(resourceOf(kind), {
        labelSelector: `${sourceLabel}=${source}`,
        limit: pageSize,
        ...(page === undefined ? {} : { continue: page }),
      });
      // A list leaves out the kind of its items.
      for (const item of list.items) owned.set(keyOf({ kind, name: item.metadata.name }), { ...item, kind });
      page = list.metadata.continue || undefined;
    } while (page !== undefined);
  }
  return owned;
}

/**
 * Whether a source ever applied the object. The label alone does not say so: it comes along when a person copies an object under another
 * name, and what a person made is not ours to remove.
 */
export function isWritten({ metadata }: Stored): boolean {
  return metadata.managedFields?.some(f => f.manager === fieldManager && f.operation === 'Apply') ?? false;
}

/** The object, or undefined when the API server says that there is none. */
export async function readStored(client: Client, object: { kind: string; name: string }): Promise<Stored | undefined> {
  try {
    return await client.get(resourceOf(object.kind), object.name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Applies; where `stored` is another's or nobody's, only if nothing happened to it since. Returns what the server made of it. */
export function applyDesired(client: Client, desired: Desired, precondition: string | undefined): Promise<Stored> {
  const object: Apply<Stored> = {
    ...desired,
    metadata: { ...desired.metadata, ...(precondition === undefined ? {} : { resourceVersion: precondition }) },
  };
  return client.apply(resourceOf(desired.kind), object, { fieldManager });
}

/** Takes fields of other managers out of spec by a merge patch of it; 409 when the object changed since. */
export function removeForeign(client: Client, stored: Stored, spec: object): Promise<Stored> {
  const { name, resourceVersion } = stored.metadata;
  return client.mergePatch(resourceOf(stored.kind), name, { metadata: { resourceVersion }, spec }, { fieldManager });
}

/** Deletes exactly the object that was looked at; 409 when it changed since. */
export async function removeObject(client: Client, stored: Stored): Promise<void> {
  const { name, uid, resourceVersion } = stored.metadata;
  await client.delete(resourceOf(stored.kind), name, {
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  });
}

/** Takes the label off, so that another source may take the object up; its annotations tell that a source made it. */
export async function releaseObject(client: Client, stored: Stored): Promise<void> {
  const { name, resourceVersion } = stored.metadata;
  const body = { metadata: { resourceVersion, labels: { [sourceLabel]: null } } };
  try {
    await client.mergePatch(resourceOf(stored.kind), name, body, { fieldManager });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function resourceOf(kind: string): Resource<Stored> {
  const resource = resources[kind];
  if (!resource) throw new Error(`${kind} is no kind of a document`);
  return resource;
}
