/** Where the API server is and who we are there, with all that client-node knows. */
import { KubeConfig } from '@kubernetes/client-node';
import {
  homeFile,
  listedFiles,
  noKubeconfig,
  readKubeconfigs,
  withChoices,
  type KubeconfigDocument,
} from './kubeconfig-document.ts';

/**
 * The configuration, from the first of: `path`, $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. Throws AccessError when there is
 * none, or when its current context names nothing: a default of localhost:8080 would only hide the mistake.
 */
export function loadKubeConfig(path?: string, environment: NodeJS.ProcessEnv = process.env): KubeConfig {
  const variable = environment['KUBECONFIG'];
  if (path === undefined && !variable && environment['KUBERNETES_SERVICE_HOST']) {
    const config = new KubeConfig();
    config.loadFromCluster();
    return config;
  }
  const document =
    path === undefined
      ? readKubeconfigs(variable ? listedFiles(variable) : [homeFile(environment) ?? []].flat())
      : readKubeconfigs([path], { required: true });
  if (!document) throw noKubeconfig({}, variable);
  return kubeConfigOf(withChoices(document, {}));
}

/** client-node's view of a document whose paths are absolute. */
export function kubeConfigOf(document: KubeconfigDocument): KubeConfig {
  const config = new KubeConfig();
  // JSON is YAML.
  config.loadFromString(JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...document }));
  refreshTokenFiles(config, document);
  return config;
}

/**
 * client-node reads `user.tokenFile` not at all (it looks for token-file, once), and bound tokens live for an hour. Its
 * authenticator of a pod's token re-reads the file each minute as client-go does; it is given these files too.
 */
function refreshTokenFiles(config: KubeConfig, document: KubeconfigDocument): void {
  for (const { name, user } of document.users) {
    const tokenFile = typeof user === 'object' && user !== null && 'tokenFile' in user ? user.tokenFile : undefined;
    const known = config.users.find(u => u.name === name);
    if (typeof tokenFile !== 'string' || !known || known.token) continue;
    const provider = { name: 'tokenFile', config: { tokenFile } };
    config.users = config.users.map(u => (u === known ? { ...u, authProvider: provider } : u));
  }
}
