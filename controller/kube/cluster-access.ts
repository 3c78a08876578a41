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

/**
 * The access from the first of: `path`, $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. What is not plain is left to
 * client-node. Throws as loadKubeConfig does.
 */
export async function accessCluster(path?: string, environment: NodeJS.ProcessEnv = process.env): Promise<ClusterAccess> {
  const files = path || environment['KUBECONFIG'];
  return (!files && podOf(environment)) || accessByFile(path, environment, {});
}

/** As accessCluster, in kubectl's order: a pod's ServiceAccount is what is left when there is no kubeconfig at all. */
export async function accessAsPerson(
  path: string | undefined,
  choices: PersonalChoices,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ClusterAccess> {
  const pod = podOf(environment);
  const { proxyOf: _, ...named } = choices;
  const chosen = path || Object.values(named).some(Boolean);
  if (!pod || chosen) return accessByFile(path, environment, choices);
  const { homeFile, listedFiles } = await import('./kubeconfig-document.ts');
  const files = environment['KUBECONFIG'] ? listedFiles(environment['KUBECONFIG']) : [homeFile(environment) ?? []].flat();
  return files.some(file => existsSync(file)) ? accessByFile(path, environment, choices) : pod;
}

async function accessByFile(
  path: string | undefined,
  environment: NodeJS.ProcessEnv,
  { proxyOf, ...choices }: PersonalChoices,
): Promise<ClusterAccess> {
  // Loaded only here: a pod has no use for a YAML parser.
  const { AccessError, homeFile, listedFiles, readKubeconfigs, withChoices, withProxy } =
    await import('./kubeconfig-document.ts');
  const listed = environment['KUBECONFIG'];
  const document = path
    ? readKubeconfigs([path], { required: true })
    : readKubeconfigs(listed ? listedFiles(listed) : [homeFile(environment) ?? []].flat());
  if (!document && !choices.server)
    throw new AccessError('no kubeconfig: give one with --kubeconfig or $KUBECONFIG, or run in a pod');
  const named = withChoices(document ?? { clusters: [], users: [], contexts: [] }, choices);
  const chosen = proxyOf ? withProxy(named, proxyOf) : named;
  const { plainAccessOf } = await import('./plain-kubeconfig.ts');
  const plain = plainAccessOf(chosen, '/');
  if (plain) return accessOf(plain);
  const { kubeConfigOf } = await import('./kubeconfig.ts');
  return kubeConfigOf(chosen);
}

function podOf(environment: NodeJS.ProcessEnv): ClusterAccess | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  return host ? accessOf(podAccess(host, environment['KUBERNETES_SERVICE_PORT'])) : undefined;
}

function podAccess(host: string, port = '443'): PlainAccess {
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    authority: { file: `${serviceAccount}/ca.crt` },
    token: { file: podTokenFile },
  };
}

function accessOf(plain: PlainAccess): ClusterAccess {
  return {
    getCurrentCluster: () => ({ server: plain.server }),
    async applyToHTTPSOptions(options: RequestOptions) {
      const [ca, token, cert, key] = await Promise.all([plain.authority, plain.token, plain.certificate, plain.key].map(read));
      if (ca !== undefined) options.ca = ca;
      if (cert !== undefined) options.cert = cert;
      if (key !== undefined) options.key = key;
      if (plain.serverName !== undefined) options.servername = plain.serverName;
      if (token !== undefined) options.headers = { Authorization: `Bearer ${token.trim()}` };
    },
  };
}

async function read(source: Source | undefined): Promise<string | undefined> {
  if (!source) return undefined;
  return 'text' in source ? source.text : readFile(source.file, 'utf8');
}
