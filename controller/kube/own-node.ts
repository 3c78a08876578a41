/** Which Node object a pod runs on, as the API server has put it into the pod's token. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';

/** The claim kubernetes.io.node.uid of a ServiceAccount's token; undefined when it has none, or is no such token. */
export function nodeUIDOfToken(token: string): string | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  let claims: { 'kubernetes.io'?: { node?: { uid?: unknown } } } | null;
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as typeof claims;
  } catch {
    // Another kind of token, such as a static one, which says nothing of a node.
    return undefined;
  }
  const uid = claims?.['kubernetes.io']?.node?.uid;
  return typeof uid === 'string' ? uid : undefined;
}

/** Reads the token each time, because the kubelet renews it. Undefined when there is none, which is said once. */
export function createOwnNode(file: string, log: Log): () => string | undefined {
  let said = false;
  return () => {
    try {
      return nodeUIDOfToken(readFileSync(file, 'utf8'));
    } catch (error) {
      if (!said) log.info({ reason: messageOf(error) }, 'no token says which Node this is; its name has to do');
      said = true;
      return undefined;
    }
  };
}
