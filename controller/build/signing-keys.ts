/**
 * The keys that builds are signed with: Secrets of the operator's namespace, read anew at each use, and used only for what they themselves say that they
 * sign. They go no further than this process.
 */
import { secrets } from '../api/core.ts';
import type { Secret } from '../api/core.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { openSigningKey } from '../trust/signing-key.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import type { BuildReason } from './reasons.ts';
import { signingRefusal } from './signing-scope.ts';

/** Of the spec of a build, or of an addon. */
export interface ToSign {
  signing?: { keySecretRef: { name: string }; previousKeySecretRef?: { name: string } };
  output: { repository: string };
}

/** A Secret that is missing, or does not allow it, is looked at again this often: its change is none of an object that is watched. */
const requeueMs = 30_000;
/** To open a key takes half a second of computing, on purpose. */
const remembered = 32;

export class SigningKeys {
  readonly #client: Client;
  readonly #namespace: string;
  /** By Secret and its resourceVersion; the opened key is in node:crypto's memory alone. */
  readonly #open = new Map<string, Promise<SigningKey>>();

  constructor(client: Client, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /**
   * The present key, and the one before it where it signs as well; none without `signing`.
   * @throws WaitingError `SigningKeyNotFound`, `SigningKeyNotAllowed`; StallingError `SigningKeyInvalid`
   */
  async of({ signing, output }: ToSign): Promise<SigningKey[]> {
    if (!signing) return [];
    const { keySecretRef, previousKeySecretRef } = signing;
    const names = [keySecretRef.name, ...(previousKeySecretRef ? [previousKeySecretRef.name] : [])];
    const keys = await Promise.all(names.map(name => this.#read(name, output.repository)));
    return [...new Map(keys.map(key => [key.fingerprint, key])).values()];
  }

  async #read(name: string, repository: string): Promise<SigningKey> {
    const where = `Secret ${this.#namespace}/${name}`;
    const { metadata, data } = await this.#secret(where, name);
    const refusal = signingRefusal({ namespace: this.#namespace, name, annotations: metadata.annotations }, repository);
    if (refusal !== undefined) throw new WaitingError('SigningKeyNotAllowed' satisfies BuildReason, refusal, requeueMs);
    const pem = data?.['cosign.key'];
    if (pem === undefined) throw new WaitingError('SigningKeyNotFound', `${where} has no key cosign.key`, requeueMs);
    const version = `${name} ${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`;
    const known = this.#open.get(version);
    if (known) return known;
    const opening = opened(where, pem, data?.['cosign.password']);
    this.#remember(version, opening);
    return opening;
  }

  async #secret(where: string, name: string): Promise<Secret> {
    try {
      return await this.#client.get(secrets, name, this.#namespace);
    } catch (error) {
      if (isNotFound(error)) throw new WaitingError('SigningKeyNotFound', `${where} not found`, requeueMs);
      throw error;
    }
  }

  #remember(version: string, opening: Promise<SigningKey>): void {
    this.#open.set(version, opening);
    opening.catch(() => this.#open.delete(version));
    const [oldest] = this.#open.keys();
    if (this.#open.size > remembered && oldest !== undefined) this.#open.delete(oldest);
  }
}

async function opened(where: string, pem: string, password: string | undefined): Promise<SigningKey> {
  const key = Buffer.from(pem, 'base64');
  const secret = password === undefined ? undefined : Buffer.from(password, 'base64');
  try {
    return await openSigningKey(key, secret);
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    // No cause: nothing of what was read goes any further than its words.
    throw new StallingError(error.reason, `${where}: cosign.key ${error.message}`);
  } finally {
    key.fill(0);
    secret?.fill(0);
  }
}
