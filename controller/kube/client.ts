/** Plain JSON in and out: the verbs that controllers use. */
import type { KubeObject, ObjectMeta } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import { isNotFound } from './errors.ts';
import { resourcePath } from './resource-path.ts';
import type { Transport } from './transport.ts';

type DeepPartial<T> = T extends readonly (infer U)[]
  ? DeepPartial<U>[]
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/** What one field manager says of an object: the fields it owns, and the name. */
export type Apply<T extends KubeObject> = DeepPartial<Omit<T, 'apiVersion' | 'kind' | 'metadata'>> & {
  apiVersion: string;
  kind: string;
  metadata: Partial<ObjectMeta> & { name: string };
};

export interface List<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string };
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
}

export interface DeleteOptions {
  namespace?: string;
  /** Preconditions: 409 when the object is another. */
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** Every method throws ApiError for what the server refuses and TransientError when there was no answer. */
export interface Client {
  /** Throws ApiError 404 when absent. */
  get<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string): Promise<T>;
  /** One page. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<List<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: { fieldManager: string }): Promise<T>;
  /** Server-side apply, forced by default; a metadata.resourceVersion in it is the precondition (409 when it is not the newest). */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: Apply<T>,
    options: { fieldManager: string; force?: boolean },
  ): Promise<T>;
  applyStatus<T extends KubeObject>(resource: Resource<T>, object: Apply<T>, options: { fieldManager: string }): Promise<T>;
  /** RFC 7386; put metadata.resourceVersion in the body for a precondition. */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    body: object,
    options: { fieldManager: string; namespace?: string; subresource?: 'status' },
  ): Promise<T>;
  /** Absent already is fine. */
  delete<T extends KubeObject>(resource: Resource<T>, name: string, options?: DeleteOptions): Promise<void>;
  /**
   * Asks for a pod to be evicted. ApiError 429 when a disruption budget forbids it (its message and causes name the budget), 404 when
   * the pod is gone, 409 when it is another pod of that name.
   */
  evict(pod: { name: string; namespace: string; uid?: string }, options?: { gracePeriodSeconds?: number }): Promise<void>;
  /** The end of what a container has written. ApiError 404 when the pod is gone, 400 when its container has not begun. */
  podLog(
    pod: { name: string; namespace: string },
    options: { container?: string; tailLines: number; limitBytes: number },
  ): Promise<string>;
}

/** Unknown and duplicate fields are errors: a field that the server drops would be written again for ever. */
const strict = { fieldValidation: 'Strict' };

/** The client over a transport. It keeps no state. */
export function createClient(transport: Transport): Client {
  const apply = <T extends KubeObject>(
    resource: Resource<T>,
    object: Apply<T>,
    o: { fieldManager: string; force?: boolean; subresource?: string },
  ): Promise<T> =>
    transport.request<T>({
      method: 'PATCH',
      path: resourcePath(resource, {
        name: object.metadata.name,
        namespace: object.metadata.namespace,
        ...(o.subresource === undefined ? {} : { subresource: o.subresource }),
      }),
      query: { fieldManager: o.fieldManager, force: o.force ?? true, ...strict },
      contentType: 'application/apply-patch+yaml',
      body: object,
    });

  return {
    get: (resource, name, namespace) => transport.request({ method: 'GET', path: resourcePath(resource, { name, namespace }) }),

    list: (resource, { namespace, ...query } = {}) =>
      transport.request({ method: 'GET', path: resourcePath(resource, { namespace }), query: { ...query } }),

    create: (resource, object, options) =>
      transport.request({
        method: 'POST',
        path: resourcePath(resource, { namespace: object.metadata.namespace }),
        query: { ...options, ...strict },
        body: object,
      }),

    apply: (resource, object, options) => apply(resource, object, options),

    applyStatus: (resource, object, options) => apply(resource, object, { ...options, subresource: 'status' }),

    mergePatch: (resource, name, body, { fieldManager, namespace, subresource }) =>
      transport.request({
        method: 'PATCH',
        path: resourcePath(resource, { name, namespace, ...(subresource ? { subresource } : {}) }),
        query: { fieldManager, ...strict },
        contentType: 'application/merge-patch+json',
        body,
      }),

    async delete(resource, name, { namespace, uid, resourceVersion, propagationPolicy = 'Background' } = {}) {
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      try {
        await transport.request({
          method: 'DELETE',
          path: resourcePath(resource, { name, namespace }),
          body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, preconditions },
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },

    async evict({ name, namespace, uid }, { gracePeriodSeconds } = {}) {
      const deleteOptions = {
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      };
      await transport.request({
        method: 'POST',
        path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions },
        // 429 here is a disruption budget's word, which the caller schedules by.
        retry: false,
      });
    },

    podLog: ({ name, namespace }, query) =>
      transport.requestText({
        method: 'GET',
        path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`,
        query: { ...query },
      }),
  };
}
