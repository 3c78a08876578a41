/** What a request to a Kubernetes API server asks for, read from its method and URL as the server's own request info does. */

export interface ApiRequest {
  /** get, list, watch, create, update, patch, delete, deletecollection; for what is no resource the HTTP method in lower case. */
  verb: string;
  group: string;
  version: string;
  /** '' for a path that is no resource, such as /readyz. */
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  path: string;
  query: Record<string, string>;
}

/** A request that went through the fault proxy. */
export interface ApiCall extends ApiRequest {
  userAgent: string;
  /** 0 until the answer began, and for a connection that was cut before. */
  status: number;
  /** Body bytes from the client. */
  bytesIn: number;
  /** Body bytes to the client. */
  bytesOut: number;
  /** A fault of the test answered, not the API server. */
  injected: boolean;
  /** Milliseconds of performance.now(). */
  startedAt: number;
  endedAt?: number;
}

/** Picks calls: by equal fields (an array means any of them), or by a function. */
export type CallMatcher =
  | ((call: ApiCall) => boolean)
  | {
      verb?: string | readonly string[];
      group?: string;
      resource?: string | readonly string[];
      subresource?: string;
      namespace?: string;
      name?: string;
      /** A part of the User-Agent header. */
      userAgent?: string;
      /** Only requests with (or without) a continue token. */
      continued?: boolean;
    };

const writeVerbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** The verbs that change something. */
export const writes = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;

function verbOf(method: string, name: string, watch: boolean): string {
  if (method === 'GET') return watch ? 'watch' : name ? 'get' : 'list';
  if (method === 'DELETE' && !name) return 'deletecollection';
  return writeVerbs[method] ?? method.toLowerCase();
}

/** Reads method and URL (path and query). */
export function parseApiRequest(method: string, url: string): ApiRequest {
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  const query = Object.fromEntries(searchParams);
  const parts = pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const none = {
    verb: method.toLowerCase(),
    group: '',
    version: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: pathname,
    query,
  };
  const core = parts[0] === 'api' && parts.length > 2;
  if (!core && !(parts[0] === 'apis' && parts.length > 3)) return none;
  const [group, version] = core ? ['', parts[1] ?? ''] : [parts[1] ?? '', parts[2] ?? ''];
  let rest = parts.slice(core ? 2 : 3);
  let namespace = '';
  // /namespaces/NAME alone, its status and finalize, are the Namespace itself.
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [resource = '', name = '', ...sub] = rest;
  const watch = query['watch'] === 'true' || query['watch'] === '1';
  return { ...none, verb: verbOf(method, name, watch), group, version, resource, subresource: sub.join('/'), namespace, name };
}

const oneOf = (wanted: string | readonly string[] | undefined, value: string) =>
  wanted === undefined || (typeof wanted === 'string' ? wanted === value : wanted.includes(value));

/** Whether a matcher picks a call; no matcher picks every call. */
export function matches(matcher: CallMatcher | undefined, call: ApiCall): boolean {
  if (matcher === undefined) return true;
  if (typeof matcher === 'function') return matcher(call);
  return (
    oneOf(matcher.verb, call.verb) &&
    oneOf(matcher.group, call.group) &&
    oneOf(matcher.resource, call.resource) &&
    oneOf(matcher.subresource, call.subresource) &&
    oneOf(matcher.namespace, call.namespace) &&
    oneOf(matcher.name, call.name) &&
    (matcher.userAgent === undefined || call.userAgent.includes(matcher.userAgent)) &&
    (matcher.continued === undefined || matcher.continued === 'continue' in call.query)
  );
}
