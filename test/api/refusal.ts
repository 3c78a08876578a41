/** What a real API server says of a value that it refuses. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { type CustomResourceDefinition, crds } from '../cluster/manifests.ts';
import { type Answer, type Call, rawApi } from '../manifests/raw-api.ts';

export interface Server {
  call(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Creates all CRDs and waits until they are served. */
export async function createCrds(controlPlane: ControlPlane): Promise<Server> {
  const api = rawApi(controlPlane);
  const call = (each: Call): Promise<Answer> => api.call(controlPlane.adminToken, each);
  for (const crd of crds()) {
    const { status, body } = await call({ method: 'POST', path: crdPath, body: crd });
    if (status !== 201) throw new Error(`${crd.metadata.name}: ${body.message}`);
    while (!isEstablished(await call({ method: 'GET', path: `${crdPath}/${crd.metadata.name}` }))) await sleep(20);
  }
  return { call, close: () => api.close() };
}

function isEstablished({ body }: Answer): boolean {
  // Null before the server has looked at it.
  const { conditions } = (body as Partial<CustomResourceDefinition>).status ?? {};
  return (conditions ?? []).some(c => c.type === 'Established' && c.status === 'True');
}

/** The sentence on each field of a spec that the server refuses, without the value. */
export async function explained(server: Server, kind: string, spec: object): Promise<Map<string, string>> {
  const plural = `${kind.toLowerCase()}s`;
  const path = `/apis/scantling.dev/v1alpha1/${plural}?dryRun=All`;
  const body = { apiVersion: 'scantling.dev/v1alpha1', kind, metadata: { name: 'bad' }, spec };
  const answer = await server.call({ method: 'POST', path, body });
  const { causes = [] } = (answer.body['details'] ?? {}) as { causes?: { field: string; message: string }[] };
  // The value, where the server's version shows it, else the name of its type.
  return new Map(causes.map(({ field, message }) => [field, message.replace(/^Invalid value: "(?:[^"\\]|\\.)*": /, '')]));
}
