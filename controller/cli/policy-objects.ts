/** TrustPolicies of a cluster. Every write is tried first (dry run), so that what is asked and then refused leaves nothing behind. */
import { fieldManagers } from '../api/names.ts';
import { trustpolicies, type TrustPolicy } from '../api/trust-policy.ts';
import { ApiError } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import { resourcePath } from '../kube/resource-path.ts';
import type { Transport } from '../kube/transport.ts';
import type { Invocation } from '../running.ts';
import { connect } from './cluster.ts';
import { edited, TrustRefusedError } from './trust-edit.ts';
import type { PolicyStore } from './trust-store.ts';

const query = { fieldManager: fieldManagers.cli, fieldValidation: 'Strict' };

export async function openPolicyObjects(invocation: Invocation): Promise<PolicyStore> {
  const cluster = await connect(invocation, 'trust');
  const { client, transport } = cluster;
  return {
    policies: async () => {
      const policies = await listAll(client, trustpolicies, policy => policy);
      return policies.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    },
    create: async policy => {
      await twice(transport, { method: 'POST', path: resourcePath(trustpolicies), body: policy });
      return `TrustPolicy ${policy.metadata.name}`;
    },
    change: async (policy, edits) => {
      const spec = edits.reduce((current, edit) => edited({ ...policy, spec: current }, edit), policy.spec);
      const { name, resourceVersion } = policy.metadata;
      const { authorities, revoked } = spec;
      const changed = {
        ...(authorities === policy.spec.authorities ? {} : { authorities }),
        ...(revoked === policy.spec.revoked ? {} : { revoked }),
      };
      await twice(transport, {
        method: 'PATCH',
        path: resourcePath(trustpolicies, { name }),
        contentType: 'application/merge-patch+json',
        body: { metadata: { resourceVersion }, spec: changed },
      });
      return `TrustPolicy ${name}${appliedBy(policy)}`;
    },
    close: () => cluster.close(),
  };
}

type Write = Pick<Parameters<Transport['request']>[0], 'method' | 'path' | 'body' | 'contentType'>;

async function twice(transport: Transport, write: Write): Promise<void> {
  try {
    await transport.request({ ...write, query: { ...query, dryRun: 'All' } });
    await transport.request({ ...write, query });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 409)
      throw new TrustRefusedError('the policy was changed by somebody else meanwhile; nothing was written, look at it again', {
        cause: error,
      });
    throw error;
  }
}

/** Labels and annotations of those that apply what is in Git, and will apply it again. */
const appliers: readonly (readonly [key: string, name: string])[] = [
  ['kustomize.toolkit.fluxcd.io/name', 'Flux'],
  ['helm.toolkit.fluxcd.io/name', 'Flux'],
  ['argocd.argoproj.io/tracking-id', 'Argo CD'],
  ['argocd.argoproj.io/instance', 'Argo CD'],
  ['meta.helm.sh/release-name', 'Helm'],
];

function appliedBy({ metadata }: TrustPolicy): string {
  const keys = new Set([...Object.keys(metadata.labels ?? {}), ...Object.keys(metadata.annotations ?? {})]);
  const [, name] = appliers.find(([key]) => keys.has(key)) ?? [];
  return name === undefined ? '' : ` (${name} applies it, and may undo this: change its files with --file)`;
}
