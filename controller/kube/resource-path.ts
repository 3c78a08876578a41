import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';

/** The URL path of a resource's collection, or of one object or subresource in it. */
export function resourcePath<T extends KubeObject>(
  resource: Resource<T>,
  at: { namespace?: string | undefined; name?: string; subresource?: string } = {},
): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const namespace = resource.namespaced && at.namespace !== undefined ? `/namespaces/${encodeURIComponent(at.namespace)}` : '';
  const name = at.name === undefined ? '' : `/${encodeURIComponent(at.name)}`;
  const subresource = at.subresource === undefined ? '' : `/${at.subresource}`;
  return `${root}${namespace}/${resource.plural}${name}${subresource}`;
}

/** True for the path of a Lease: the one thing that may be written without leading, because leading is decided there. */
export function isLeasePath(path: string): boolean {
  return /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/[^/]+\/leases(\/|$)/.test(path);
}

/** True for what is created only to get an answer: who am I, and what may I do. */
export function changesNothing(path: string): boolean {
  return /^\/apis\/auth(orization|entication)\.k8s\.io\/v1\/selfsubject(access|rules|)reviews$/.test(path);
}
