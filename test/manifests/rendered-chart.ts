/** What Helm makes of the chart, without a cluster. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { helm } from '../cluster/helm.ts';

export const chart = join(import.meta.dirname, '../../charts/scantling');

export const isHook = (object: KubeObject): boolean => object.metadata.annotations?.['helm.sh/hook'] !== undefined;

/** The objects of a YAML stream, those that are comments only left out. */
export function objectsOf(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap(document => {
    const [error] = document.errors;
    if (error) throw error;
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

/** Values with which hooks are rendered although there is no cluster. */
export const hooks = { hooks: { withoutCluster: true } } as const;

export interface RenderOptions {
  /** Default scantling-system. */
  namespace?: string;
  /** Default scantling. */
  release?: string;
}

/** `helm template`. Throws CommandError with what Helm says. */
export async function render(values: object = {}, o: RenderOptions = {}): Promise<KubeObject[]> {
  const args = ['template', o.release ?? 'scantling', chart, `--namespace=${o.namespace ?? 'scantling-system'}`, '--values=-'];
  const { stdout } = await helm(args, { input: JSON.stringify(values) });
  return objectsOf(stdout);
}

/** Objects by kind, namespace and name. */
export function byName(objects: readonly KubeObject[]): Record<string, KubeObject> {
  return Object.fromEntries(objects.map(o => [`${o.kind} ${o.metadata.namespace ?? ''}/${o.metadata.name}`, o]));
}
