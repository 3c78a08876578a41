import type { KubeObject } from './meta.ts';

/** Where a kind lives in the API: what a client needs to build its path. `T` is the type of its objects. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** '' for the core group. */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  /** Never set; carries `T` for inference. */
  readonly type?: T;
}
