/** The ServiceAccount that this process runs as, where it runs as one. */
import type { OwnerReference } from '../api/meta.ts';
import type { Transport } from './transport.ts';

/** Asks the API server, which everyone may. undefined for a person, and for a ServiceAccount of another namespace. Throws ApiError, TransientError. */
export async function ownAccount(transport: Transport, namespace: string): Promise<OwnerReference | undefined> {
  const { status } = await transport.request<{ status: { userInfo: { username: string; uid?: string } } }>({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  const { username, uid } = status.userInfo;
  const prefix = `system:serviceaccount:${namespace}:`;
  if (!username.startsWith(prefix) || uid === undefined) return undefined;
  return { apiVersion: 'v1', kind: 'ServiceAccount', name: username.slice(prefix.length), uid };
}
