import type { Secret } from '../api/core.ts';
import { StallingError, WaitingError, messageOf } from '../api/errors.ts';
import { isNotFound } from '../kube/errors.ts';
import { type DockerConfig, parseDockerConfig } from '../registry/credentials.ts';
import type { DefinitionReason } from './reasons.ts';

/** Secrets are not watched, so what is wrong with one is looked at again after this time. */
const recheckMs = 60_000;

/**
 * The registry credentials of a Secret of type kubernetes.io/dockerconfigjson. `readSecret` reads the operator's namespace.
 * @throws WaitingError SecretNotFound or InvalidSecret, without any of the content.
 */
export async function readCredentials(readSecret: (name: string) => Promise<Secret>, name: string): Promise<DockerConfig> {
  let secret: Secret;
  try {
    secret = await readSecret(name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const message = `spec.output.pushSecretRef: Secret ${name} is not in the operator's namespace; create it`;
    throw new WaitingError('SecretNotFound' satisfies DefinitionReason, message, recheckMs, { cause: error });
  }
  const encoded = secret.data?.['.dockerconfigjson'];
  const invalid = (why: string): WaitingError =>
    new WaitingError('InvalidSecret' satisfies DefinitionReason, `spec.output.pushSecretRef: Secret ${name}: ${why}`, recheckMs);
  if (encoded === undefined) throw invalid('it has no key .dockerconfigjson');
  try {
    return parseDockerConfig(Buffer.from(encoded, 'base64').toString('utf8'));
  } catch (error) {
    if (error instanceof StallingError) throw invalid(messageOf(error));
    throw error;
  }
}
