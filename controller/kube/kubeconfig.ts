/** Where the API server is and who we are there. */
import { readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';

/**
 * The configuration, from the first of: `path`, $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. Throws when there is
 * none, or when its current context names nothing: a default of localhost:8080 would only hide the mistake.
 */
export function loadKubeConfig(path?: string, environment: NodeJS.ProcessEnv = process.env): KubeConfig {
  const config = new KubeConfig();
  const kubeconfig = environment['KUBECONFIG'];
  if (path !== undefined) {
    config.loadFromFile(path);
    refreshTokenFiles(config, [path]);
  } else if (kubeconfig) {
    config.loadFromDefault();
    refreshTokenFiles(config, kubeconfig.split(delimiter).filter(Boolean));
  } else if (environment['KUBERNETES_SERVICE_HOST']) {
    config.loadFromCluster();
  } else {
    config.loadFromDefault();
    if (config.getCurrentContext() === 'loaded-context') {
      throw new Error('no kubeconfig: give one with --kubeconfig or $KUBECONFIG, or run in a pod');
    }
  }
  if (!config.getCurrentCluster())
    throw new Error(`the kubeconfig's current context "${config.getCurrentContext()}" names no cluster`);
  return config;
}

/**
 * client-node reads `user.tokenFile` not at all (it looks for token-file, once), and bound tokens live for an hour. Its
 * authenticator of a pod's token re-reads the file each minute as client-go does; it is given these files too.
 */
function refreshTokenFiles(config: KubeConfig, files: readonly string[]): void {
  for (const file of files) {
    for (const [name, tokenFile] of tokenFilesOf(parse(readFileSync(file, 'utf8')))) {
      const user = config.users.find(u => u.name === name);
      if (!user || user.token) continue;
      const provider = { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } };
      config.users = config.users.map(u => (u === user ? { ...user, authProvider: provider } : u));
    }
  }
}

function tokenFilesOf(document: unknown): [string, string][] {
  const users = (document as { users?: { name?: unknown; user?: { tokenFile?: unknown } }[] } | null)?.users ?? [];
  return users.flatMap(({ name, user }): [string, string][] =>
    typeof name === 'string' && typeof user?.tokenFile === 'string' ? [[name, user.tokenFile]] : [],
  );
}
