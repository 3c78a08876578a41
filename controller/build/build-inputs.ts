/** What a build reads of the operator's namespace: Secrets and ConfigMaps that its spec names, anew at each use. */
import { configMaps, secrets } from '../api/core.ts';
import { WaitingError } from '../api/errors.ts';
import type { ImageBuildSpec } from '../api/image-build.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { mergeCredentials, type DockerConfig } from '../registry/credentials.ts';
import type { FoundationAccess } from './foundation-task.ts';
import { readRegistrySecret } from './secret.ts';

/** What is missing is looked for again this often: its coming changes no object that is watched. */
const requeueMs = 30_000;

export class BuildInputs {
  readonly #client: Client;
  readonly #namespace: string;

  constructor(client: Client, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** To pull the base with, to push with, and both in one. Throws as readRegistrySecret. */
  async credentials({ execution, output }: ImageBuildSpec): Promise<Record<'pull' | 'push' | 'both', DockerConfig | undefined>> {
    const push = await this.#registrySecret(output.pushSecretRef?.name);
    const pull = execution.pullSecretRef ? await this.#registrySecret(execution.pullSecretRef.name) : push;
    return { pull, push, both: mergeCredentials(push, pull) };
  }

  /**
   * Throws when something that a pod of the build would mount is not there, in words that say what: the kubelet only lets such a pod wait.
   * @throws WaitingError `SecretNotFound`, `InvalidSecret`, `ConfigMapNotFound`.
   */
  async check(spec: ImageBuildSpec): Promise<void> {
    await this.credentials(spec);
    for (const { secretRef } of spec.execution.secrets ?? []) await this.#secretValue(secretRef);
    if (spec.execution.caBundleRef) await this.#authorities(spec.execution.caBundleRef);
  }

  /** For a builder beside the controller. */
  async access(spec: ImageBuildSpec, signal: AbortSignal): Promise<FoundationAccess> {
    const { caBundleRef, proxy, secrets: wanted } = spec.execution;
    return {
      credentials: async use => (await this.credentials(spec))[use],
      secrets: async () => {
        const values = new Map<string, Uint8Array>();
        for (const { id, secretRef } of wanted ?? []) values.set(id, await this.#secretValue(secretRef));
        return values;
      },
      ...(proxy ? { proxy } : {}),
      ...(caBundleRef ? { authorities: await this.#authorities(caBundleRef) } : {}),
      signal,
    };
  }

  #registrySecret(name: string | undefined): Promise<DockerConfig | undefined> {
    return readRegistrySecret(this.#client, this.#namespace, name);
  }

  async #secretValue({ name, key }: { name: string; key: string }): Promise<Uint8Array> {
    const where = `Secret ${this.#namespace}/${name}`;
    const { data } = await this.#get(where, 'SecretNotFound', () => this.#client.get(secrets, name, this.#namespace));
    const value = data?.[key];
    if (value === undefined) throw new WaitingError('InvalidSecret', `${where} has no key ${key}`, requeueMs);
    return Buffer.from(value, 'base64');
  }

  async #authorities({ name, key }: { name: string; key: string }): Promise<string> {
    const where = `ConfigMap ${this.#namespace}/${name}`;
    const { data } = await this.#get(where, 'ConfigMapNotFound', () => this.#client.get(configMaps, name, this.#namespace));
    const text = data?.[key];
    if (text === undefined) throw new WaitingError('ConfigMapNotFound', `${where} has no key ${key}`, requeueMs);
    return text;
  }

  async #get<T>(where: string, reason: 'SecretNotFound' | 'ConfigMapNotFound', read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isNotFound(error)) throw new WaitingError(reason, `${where} not found`, requeueMs);
      throw error;
    }
  }
}
