/** The door of trust as the controller has it, over policies of files or of a cluster as they are now. */
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../api/errors.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { UsageError } from '../command-line.ts';
import { Store } from '../kube/store.ts';
import type { Invocation } from '../running.ts';
import { createTrust, type ImageVerifier, type OwnedTrust } from '../trust/create-trust.ts';
import { createClusterSources } from '../trust/cluster-sources.ts';
import { PolicyBook } from '../trust/policy-book.ts';
import { projectPolicy, type PolicyView } from '../trust/projection.ts';
import { readPolicy } from '../trust/read-policy.ts';
import type { Contents, Sources } from '../trust/sources.ts';
import { createTrustedRoots } from '../trust/trusted-root.ts';
import { Uses } from '../trust/uses.ts';
import { connect } from './cluster.ts';
import { readPolicyFiles } from './policy-files.ts';
import { openPolicyObjects } from './policy-objects.ts';

/** Throws UsageError, PolicyFileError, ApiError. */
export async function trustOf(invocation: Invocation, verifier: ImageVerifier): Promise<OwnedTrust> {
  const { policies, sources, close } =
    invocation.config.policy.length > 0 ? await ofFiles(invocation) : await ofCluster(invocation);
  try {
    const views = new Store<PolicyView>();
    const book = new PolicyBook({ policies: views });
    for (const policy of policies) {
      views.set(projectPolicy(policy));
      book.put(await readPolicy(policy, sources));
    }
    views.synced = true;
    return createTrust({ book, verifier, uses: new Uses(), now: Date.now });
  } finally {
    await close();
  }
}

interface Policies {
  policies: readonly TrustPolicy[];
  sources: Sources;
  close: () => Promise<void>;
}

async function ofFiles({ config }: Invocation): Promise<Policies> {
  if (config.policy.length === 0) throw new UsageError('--policy is missing');
  const filed = await readPolicyFiles(config.policy);
  const [secrets, configMaps] = [directories('--secret', config.secret), directories('--config-map', config['config-map'])];
  return {
    policies: filed.map(({ policy }) => policy),
    sources: {
      secret: name => contentsOf(secrets.get(name)),
      configMap: name => contentsOf(configMaps.get(name)),
      trustedRoot: trustedRoots(),
    },
    close: () => Promise.resolve(),
  };
}

async function ofCluster(invocation: Invocation): Promise<Policies> {
  const { config } = invocation;
  if (config.secret.length + config['config-map'].length > 0)
    throw new UsageError('--secret and --config-map go with --policy; without it they are read from the cluster');
  const store = await openPolicyObjects(invocation);
  const cluster = await connect(invocation, 'verify');
  const close = async (): Promise<void> => {
    await store.close();
    await cluster.close();
  };
  try {
    const sources = createClusterSources({
      client: cluster.client,
      namespace: config.namespace,
      trustedRoot: trustedRoots(),
    });
    return { policies: await store.policies(), sources, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where others keep what may be fetched again. */
function trustedRoots(): Sources['trustedRoot'] {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const roots = createTrustedRoots({ cacheDirectory: join(cache, 'scantling', 'tuf') });
  return from => roots.read(from);
}

function directories(flag: string, given: readonly string[]): Map<string, string> {
  return new Map(
    given.map(pair => {
      const [, name, directory] = /^([a-z0-9.-]+)=(.+)$/.exec(pair) ?? [];
      if (name === undefined || directory === undefined) throw new UsageError(`${flag} is NAME=DIRECTORY, not "${pair}"`);
      return [name, directory];
    }),
  );
}

/** As kubectl makes a Secret of a directory: a key for each file. */
async function contentsOf(directory: string | undefined): Promise<Contents | undefined> {
  if (directory === undefined) return undefined;
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const files = entries.filter(entry => !entry.isDirectory() && !entry.name.startsWith('.'));
    const read = files.map(async ({ name }) => [name, await readFile(join(directory, name))] as const);
    return Object.fromEntries(await Promise.all(read));
  } catch (error) {
    throw new UsageError(`${directory} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
