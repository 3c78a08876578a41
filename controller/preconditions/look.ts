/** Looks at what the program needs of the API server: its version, the CRDs, the permissions, the namespace and the clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { configMaps, leases } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import { backoffMs, requestBackoff } from '../kube/backoff.ts';
import { ApiError, isNotFound } from '../kube/errors.ts';
import { resourcePath } from '../kube/resource-path.ts';
import type { Transport } from '../kube/transport.ts';
import { versionFinding, type ServerVersion } from './api-version.ts';
import { clockFinding } from './clock.ts';
import { crdFindings, fieldsOf, newerCrds, type FieldSchema, type NeededCrd } from './crd-fields.ts';
import { noAnswer, type Finding } from './finding.ts';
import { lacksOf, permissionFindings, placed, type Lack, type NeededRole, type Places, type Rule } from './permissions.ts';

export interface LookOptions {
  transport: Transport;
  /** Of the program. */
  version: string;
  /** As the person knows the API server: its URL. */
  server: string;
  crds: readonly NeededCrd[];
  /** Whether the fields of the CRDs are compared, or only whether they are there, which is less to fetch (300 KB). */
  compareFields: boolean;
  roles: readonly NeededRole[];
  places: Places;
  /** A ConfigMap of the operator's namespace that a flag names, and the flag. */
  configMap?: { name: string; flag: string };
  /** Whether the operator's namespace is of concern. */
  needsNamespace: boolean;
  /** Of the agent: the Node that it is told to be on. */
  nodeName?: string;
  /** By how many ms this machine's clock is ahead. */
  aheadMs: () => number;
  random?: () => number;
}

/** What a look found. */
export interface Seen {
  findings: Finding[];
  /** CRDs that are newer than the program, in words. */
  newer: string[];
}

const group = '/apis/scantling.dev/v1alpha1';
const openApi = '/openapi/v3';
/** Of one request: whoever waits for its answer has others to ask. */
const deadlineMs = 5_000;
/** A longer Retry-After is for the next look. */
const longestAskedMs = 2_000;

/** Returns the function that looks. It remembers what it was told of the CRDs for as long as the API server says that it is the same. */
export function createLook(o: LookOptions): () => Promise<Seen> {
  const { random = Math.random } = o;
  let known: { hash: string; served: ReadonlyMap<string, readonly string[]> } | undefined;

  const get = <T>(path: string): Promise<T> =>
    twice(() => o.transport.request<T>({ method: 'GET', path, retry: false, deadlineMs }), random);
  const post = <T>(path: string, body: object, query = {}): Promise<T> =>
    twice(() => o.transport.request<T>({ method: 'POST', path, body, query, retry: false, deadlineMs }), random);

  /** The fields of each kind that is served; of none when our group is not. */
  const servedFields = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const index = await get<{ paths: Record<string, { serverRelativeURL: string }> }>(openApi);
    const hash = index.paths[group.slice(1)]?.serverRelativeURL;
    if (hash === undefined) return new Map();
    if (known?.hash !== hash) known = { hash, served: fieldsByKind(await get<OpenApi>(`${openApi}${group}`)) };
    return known.served;
  };
  const servedKinds = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    try {
      const { resources } = await get<{ resources: { kind: string; name: string }[] }>(group);
      return new Map(resources.filter(({ name }) => !name.includes('/')).map(({ kind }) => [kind, []]));
    } catch (error) {
      if (isNotFound(error)) return new Map();
      throw error;
    }
  };

  const crds = async (): Promise<Seen> => {
    const served = o.compareFields ? await servedFields() : await servedKinds();
    const needed = o.compareFields ? o.crds : o.crds.map(crd => ({ ...crd, fields: [] }));
    return {
      findings: crdFindings(needed, served, o.version),
      newer: o.compareFields ? newerCrds(needed, served) : [],
    };
  };

  const lacks = async (): Promise<Lack[]> => {
    const roles = placed(o.roles, o.places);
    // The rules for all namespaces are told with those of any.
    const places = new Set(roles.map(({ namespace }) => namespace || o.places.namespace));
    const answers = await Promise.all([...places].map(async namespace => [namespace, await rulesIn(namespace)] as const));
    const byPlace = new Map(answers);
    const found = roles.flatMap(role => {
      const { rules = [] } = byPlace.get(role.namespace || o.places.namespace) ?? {};
      return lacksOf(role, rules);
    });
    // Some authorizers cannot list what they grant; then each is asked for by itself.
    const complete = answers.every(([, { incomplete }]) => !incomplete);
    return complete ? found : (await Promise.all(found.map(reallyMissing))).filter(({ missing }) => missing.length > 0);
  };
  const rulesIn = async (namespace: string): Promise<{ rules: readonly Rule[]; incomplete: boolean }> => {
    const { status } = await post<{ status: { resourceRules: Rule[]; incomplete: boolean } }>(
      '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    );
    return { rules: status.resourceRules, incomplete: status.incomplete };
  };
  const reallyMissing = async (lack: Lack): Promise<Lack> => {
    const allowed = await Promise.all(
      lack.missing.map(async ({ resource, ...permission }) => {
        const [plural, subresource] = resource.split('/');
        const resourceAttributes = { ...permission, resource: plural, ...(subresource ? { subresource } : {}) };
        const { status } = await post<{ status: { allowed: boolean } }>(
          '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
        );
        return status.allowed;
      }),
    );
    return { ...lack, missing: lack.missing.filter((_, i) => !allowed[i]) };
  };
  /** Whom the API server takes this process for, and the Node that its pod is on, where the token says so. */
  const self = async (): Promise<{ user: string; node: string | undefined }> => {
    const { status } = await post<{ status: { userInfo: { username: string; extra?: Record<string, string[]> } } }>(
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    );
    const { username, extra } = status.userInfo;
    return { user: username, node: extra?.['authentication.kubernetes.io/node-name']?.[0] };
  };
  const permissions = async (): Promise<Finding[]> => {
    const found = await lacks();
    return found.length === 0 ? [] : permissionFindings(found, (await self()).user, o.version);
  };
  const node = async (): Promise<Finding[]> => {
    if (o.nodeName === undefined) return [];
    const { node } = await self();
    if (node === undefined || node === o.nodeName) return [];
    const message = `this pod runs on the Node ${node}, and --node-name is ${o.nodeName}: set it from spec.nodeName, as in the DaemonSet of the manifests`;
    return [{ key: 'node-name', severity: 'blocking', message }];
  };

  /** A Lease is what one may make there without reading anything; that it is only tried makes nothing. */
  const namespace = async (): Promise<Finding[]> => {
    if (!o.needsNamespace) return [];
    const { namespace, leaseName: name } = o.places;
    try {
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } };
      await post(resourcePath(leases, { namespace }), lease, { dryRun: 'All' });
      return [];
    } catch (error) {
      // Refused: there is a Lease already, or the permission is missing, which is told elsewhere.
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404) return [];
      const message = `the namespace ${namespace} does not exist: create it, or name the operator's own with --namespace`;
      return [{ key: 'namespace', severity: 'blocking', message }];
    }
  };
  const configMap = async (): Promise<Finding[]> => {
    if (!o.configMap) return [];
    const { namespace } = o.places;
    const { name, flag } = o.configMap;
    try {
      await get(resourcePath(configMaps, { name, namespace }));
      return [];
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const message = `the ConfigMap ${name} of the namespace ${namespace}, which --${flag} names, does not exist: create it, or registries are reached without it`;
      return [{ key: 'config-map', severity: 'warning', message }];
    }
  };

  return async () => {
    try {
      const version = versionFinding(await get<ServerVersion>('/version'), o.server);
      // An old server has not all of the APIs that the rest asks.
      if (version) return { findings: [version], newer: [] };
      const [ofCrds, ...others] = await Promise.all([
        crds(),
        permissions(),
        node(),
        namespace(),
        configMap().catch(onlyForbidden),
      ]);
      const clock = clockFinding(o.aheadMs());
      return { findings: [...ofCrds.findings, ...others.flat(), ...(clock ? [clock] : [])], newer: ofCrds.newer };
    } catch (error) {
      return { findings: [unanswered(error, o.server)], newer: [] };
    }
  };
}

/** A server that is busy for a moment makes no finding: one more try, after what it asks for. Nothing that a look sends changes anything. */
async function twice<T>(request: () => Promise<T>, random: () => number): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 429 && error.status < 500)) throw error;
    const asked = Math.min(error.retryAfterMs ?? 0, longestAskedMs);
    await sleep(Math.max(asked, backoffMs(requestBackoff, 1, random())));
    return request();
  }
}

interface OpenApi {
  components: {
    schemas: Record<string, FieldSchema & { 'x-kubernetes-group-version-kind'?: { group: string; kind: string }[] }>;
  };
}

function fieldsByKind({ components }: OpenApi): Map<string, readonly string[]> {
  return new Map(
    Object.values(components.schemas).flatMap(schema => {
      const own = schema['x-kubernetes-group-version-kind']?.find(({ group }) => group === 'scantling.dev');
      return own && !own.kind.endsWith('List') ? [[own.kind, fieldsOf(schema)] as const] : [];
    }),
  );
}

/** That it may not be read is told with the permissions. */
function onlyForbidden(error: unknown): Finding[] {
  if (error instanceof ApiError && error.status === 403) return [];
  throw error;
}

function unanswered(error: unknown, server: string): Finding {
  return { severity: 'unreachable', ...wordsOf(error, `the API server ${server}`) };
}

function wordsOf(error: unknown, server: string): Pick<Finding, 'key' | 'message'> {
  const said = messageOf(error);
  if (!(error instanceof ApiError)) {
    const message = `${server} does not answer (${said}): see whether it runs and can be reached from here`;
    return { key: noAnswer, message };
  }
  switch (error.status) {
    case 401: {
      const message = `${server} does not take the credentials (401 Unauthorized): renew the token or certificate of the kubeconfig or ServiceAccount`;
      return { key: 'credentials', message };
    }
    case 403: {
      const message = `${server} does not tell what it serves (${said}): bind the ClusterRole system:discovery to system:authenticated again`;
      return { key: 'discovery', message };
    }
    default:
      return { key: noAnswer, message: `${server} answers ${error.status} (${said}): see its log` };
  }
}
