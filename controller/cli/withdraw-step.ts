/** Carries out one step of taking Scantling away: one API call, with what was seen as its precondition. */
import { jobs, nodes, secrets } from '../api/core.ts';
import type { KubeObject } from '../api/meta.ts';
import { cordonAnnotation, fieldManagers } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import type { Resource } from '../api/resource.ts';
import { systempools } from '../api/system-pool.ts';
import { systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import type { LeftObject, Remains, Step } from '../rollout/withdraw.ts';
import type { Places } from './remains.ts';

const fieldManager = fieldManagers.uninstall;
const kinds: Readonly<Record<Extract<Step, { do: 'Release' }>['kind'], Resource>> = {
  NodeTarget: nodetargets,
  SystemPool: systempools,
  SystemSource: systemsources,
};

/** Throws ApiError: 409 when somebody changed the object since, 404 when it is gone; and TransientError. */
export async function carryOut(client: Client, step: Step, o: { remains: Remains; places: Places; now: number }): Promise<void> {
  const { remains, places } = o;
  switch (step.do) {
    case 'TakeBack': {
      const { resourceVersion } = seen(remains.nodeTargets, step.node);
      const spec = { state: 'Staged', approval: null, since: new Date(o.now).toISOString() };
      await patch(client, nodetargets, step.node, { metadata: { resourceVersion }, spec });
      return;
    }
    case 'Uncordon': {
      const { resourceVersion } = seen(remains.nodes, step.node);
      const metadata = { resourceVersion, annotations: { [cordonAnnotation]: null } };
      await patch(client, nodes, step.node, { metadata, ...(step.keep === false ? { spec: { unschedulable: null } } : {}) });
      return;
    }
    case 'Release': {
      const { resourceVersion, finalizers } = seen(objectsOf(remains, step.kind), step.name);
      const metadata = { resourceVersion, finalizers: finalizers.filter(f => f !== step.finalizer) };
      await patch(client, kinds[step.kind], step.name, { metadata });
      return;
    }
    case 'DeleteJob':
      return client.delete(jobs, step.name, { namespace: places.namespace });
    case 'DeleteSecret':
      return client.delete(secrets, step.name, { namespace: places.agentNamespace });
  }
}

async function patch<T extends KubeObject>(client: Client, resource: Resource<T>, name: string, body: object): Promise<void> {
  await client.mergePatch(resource, name, body, { fieldManager });
}

function objectsOf(remains: Remains, kind: Extract<Step, { do: 'Release' }>['kind']): readonly LeftObject[] {
  if (kind === 'NodeTarget') return remains.nodeTargets;
  return kind === 'SystemPool' ? remains.pools : remains.sources;
}

/** A step is always about something that was seen. */
function seen<T extends { name: string }>(objects: readonly T[], name: string): T {
  const found = objects.find(o => o.name === name);
  if (!found) throw new Error(`${name} is not among what was read`);
  return found;
}
