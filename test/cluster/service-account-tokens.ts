/** Tokens as pods get them: from the TokenRequest API, for a ServiceAccount, bound to what they are for. */
import { defaultNamespace } from '../../controller/api/names.ts';
import type { Transport } from '../../controller/kube/transport.ts';

/** A token of a ServiceAccount of the operator's namespace, good for a day. Bound to a Node, it carries the node's name as a claim. */
export async function serviceAccountToken(
  transport: Transport,
  serviceAccount: string,
  node?: { name: string; uid: string },
): Promise<string> {
  const answer = await transport.request<{ status?: { token?: string } }>({
    method: 'POST',
    path: `/api/v1/namespaces/${defaultNamespace}/serviceaccounts/${serviceAccount}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds: 86_400,
        ...(node ? { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid } } : {}),
      },
    },
  });
  if (!answer.status?.token) throw new Error(`the API server returned no token for ${serviceAccount}`);
  return answer.status.token;
}
