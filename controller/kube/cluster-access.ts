/**
 * How to reach a cluster and be let in, without client-node where that is simple: in a pod, and by a kubeconfig with a token or a
 * certificate. The library knows every other way, and costs 60 MB, which the agent on each node does not have.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Choices } from './kubeconfig-document.ts';
import type { PlainAccess, Source } from './plain-kubeconfig.ts';

/** What the transport asks of a configuration; client-node's KubeConfig is one. */
export type ClusterAccess = Pick<KubeConfig, 'applyToHTTPSOptions'> & {
  getCurrentCluster(): { server: string } | null;
};

/** Whether it is the library's, which knows proxies and remembers tokens. */
export function isKubeConfig(access: ClusterAccess): access is KubeConfig {
  return 'loadFromOptions' in access;
}

/** Where a pod finds its ServiceAccount's token and the cluster's certificate authority; the kubelet renews the token there. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';
export const podTokenFile = `${serviceAccount}/token`;

export interface PersonalChoices extends Choices {
  /** The proxy that the environment names for a server, undefined for none; one of the kubeconfig comes first. */
  proxyOf?: (server: URL) => string | undefined;
}

/** The access of a person, as the transport takes it. */
export interface PersonalAccess {
  kubeConfig: ClusterAccess;
  /** Beside the user, whom the configuration knows. */
  impersonatedGroups: readonly string[];
}

/**
 * The access from the first of: `path`, $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. What is not plain is left to
 * client-node. Throws as loadKubeConfig does.
 */
export async function accessCluster(path?: string, environment: NodeJS.ProcessEnv = process.env): Promise<ClusterAccess> {
  const files = path || environment['KUBECONFIG'];
  const pod = files ? undefined : podOf(environment);
  return pod ? accessOf(pod) : (await accessByFile(path, environment, {})).kubeConfig;
}

/** As accessCluster, in kubectl's order: a pod's ServiceAccount is what is left when there is no kubeconfig at all, and none is chosen from. */
export async function accessAsPerson(
  path: string | undefined,
  choices: PersonalChoices,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PersonalAccess> {
  const pod = podOf(environment);
  const { context, cluster, user, server, as, asGroups = [] } = choices;
  const chosen = path || context || cluster || user || server;
  if (!pod || chosen) return accessByFile(path, environment, choices);
  const { checkGroups, homeFile, listedFiles } = await import('./kubeconfig-document.ts');
  const files = environment['KUBECONFIG'] ? listedFiles(environment['KUBECONFIG']) : [homeFile(environment) ?? []].flat();
  if (files.some(file => existsSync(file))) return accessByFile(path, environment, choices);
  checkGroups(asGroups, as);
  return { kubeConfig: accessOf(withPerson(pod, choices)), impersonatedGroups: asGroups };
}

async function accessByFile(
  path: string | undefined,
  environment: NodeJS.ProcessEnv,
  { proxyOf, ...choices }: PersonalChoices,
): Promise<PersonalAccess> {
  // Loaded only here: a pod has no use for a YAML parser.
  const { homeFile, impersonatedGroupsOf, listedFiles, noKubeconfig, readKubeconfigs, withChoices, withProxy } =
    await import('./kubeconfig-document.ts');
  const listed = environment['KUBECONFIG'];
  const document = path
    ? readKubeconfigs([path], { required: true })
    : readKubeconfigs(listed ? listedFiles(listed) : [homeFile(environment) ?? []].flat());
  if (!document && !choices.server) throw noKubeconfig(choices, listed);
  const named = withChoices(document ?? { clusters: [], users: [], contexts: [] }, choices);
  const chosen = proxyOf ? withProxy(named, proxyOf) : named;
  const { plainAccessOf } = await import('./plain-kubeconfig.ts');
  const plain = plainAccessOf(chosen, '/');
  const impersonatedGroups = impersonatedGroupsOf(chosen);
  if (plain) return { kubeConfig: accessOf(plain), impersonatedGroups };
  const { kubeConfigOf } = await import('./kubeconfig.ts');
  return { kubeConfig: kubeConfigOf(chosen), impersonatedGroups };
}

function podOf(environment: NodeJS.ProcessEnv): PlainAccess | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  return host ? podAccess(host, environment['KUBERNETES_SERVICE_PORT']) : undefined;
}

function podAccess(host: string, port = '443'): PlainAccess {
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    authority: { file: `${serviceAccount}/ca.crt` },
    token: { file: podTokenFile },
  };
}

/** The access with another token, or for somebody else, where these are given. */
export function withPerson(plain: PlainAccess, { token, as }: Pick<Choices, 'token' | 'as'>): PlainAccess {
  return { ...plain, ...(token ? { token: { text: token } } : {}), ...(as ? { impersonatedUser: as } : {}) };
}

/** What a plain access means to the transport. */
export function accessOf(plain: PlainAccess): ClusterAccess {
  return {
    getCurrentCluster: () => ({ server: plain.server }),
    async applyToHTTPSOptions(options: RequestOptions) {
      const [ca, token, cert, key] = await Promise.all([plain.authority, plain.token, plain.certificate, plain.key].map(read));
      if (ca !== undefined) options.ca = ca;
      if (cert !== undefined) options.cert = cert;
      if (key !== undefined) options.key = key;
      if (plain.serverName !== undefined) options.servername = plain.serverName;
      const headers = {
        ...(token === undefined ? {} : { Authorization: `Bearer ${token.trim()}` }),
        ...(plain.impersonatedUser === undefined ? {} : { 'Impersonate-User': plain.impersonatedUser }),
      };
      if (Object.keys(headers).length > 0) options.headers = headers;
    },
  };
}

async function read(source: Source | undefined): Promise<string | undefined> {
  if (!source) return undefined;
  return 'text' in source ? source.text : readFile(source.file, 'utf8');
}
