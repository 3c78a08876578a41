/** The one object that an agent watches: the NodeTarget named after its node. */
import { isDeepStrictEqual } from 'node:util';
import { hostRuleAnnotation, nodeUIDAnnotation, retriedAnnotation } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import type { NodeTarget, NodeTargetSpec, NodeTargetStatus } from '../api/node-target.ts';
import { Reflector } from '../kube/reflector.ts';
import { Store } from '../kube/store.ts';
import type { StoredObject } from '../kube/store.ts';
import type { Transport } from '../kube/transport.ts';
import type { Log } from '../telemetry/log.ts';

export interface TargetView extends StoredObject {
  generation?: number;
  /** uid of the Node that it was written for. */
  nodeUID?: string;
  spec: NodeTargetSpec;
  /** What the host is to require of images of its repository, by the policies as they are now. */
  hostRule?: string;
  /** Failures that a person allowed to be tried again. */
  retried: readonly string[];
  status?: NodeTargetStatus;
}

/** Where an agent learns of its target. Many agents in one process may share a reflector behind this. */
export interface TargetWatch {
  start(): void;
  stop(): Promise<void>;
  /** Resolves when it is known whether there is a target. */
  synced(): Promise<void>;
  get(): TargetView | undefined;
  /** Calls back when what the target asks for changes, not when its status does. */
  onChange(handler: () => void): void;
}

export function projectTarget(target: NodeTarget): TargetView {
  const { metadata, spec, status } = target;
  const nodeUID = metadata.annotations?.[nodeUIDAnnotation];
  const hostRule = metadata.annotations?.[hostRuleAnnotation];
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
    ...(nodeUID === undefined ? {} : { nodeUID }),
    spec,
    ...(hostRule === undefined ? {} : { hostRule }),
    retried: (metadata.annotations?.[retriedAnnotation] ?? '').split(' ').filter(Boolean),
    ...(status === undefined ? {} : { status }),
  };
}

/** Whether two views ask for the same. */
export function asksTheSame(a: TargetView | undefined, b: TargetView | undefined): boolean {
  return (
    a?.uid === b?.uid &&
    a?.generation === b?.generation &&
    a?.nodeUID === b?.nodeUID &&
    a?.hostRule === b?.hostRule &&
    isDeepStrictEqual(a?.retried, b?.retried)
  );
}

/**
 * `ownNode` is the uid of the Node that this agent runs on, where that is known: a target that was written for an earlier machine of this
 * name is none for this one, and least of all its go-ahead.
 */
export function createTargetWatch(o: {
  transport: Transport;
  nodeName: string;
  log: Log;
  ownNode?: () => string | undefined;
}): TargetWatch {
  let known: string | undefined;
  const isOwn = ({ nodeUID }: TargetView): boolean => {
    if (nodeUID === undefined || nodeUID === known) return true;
    known = o.ownNode?.();
    return known === undefined || nodeUID === known;
  };
  const store = new Store<TargetView>();
  const reflector = new Reflector({
    transport: o.transport,
    resource: nodetargets,
    project: projectTarget,
    store,
    fieldSelector: `metadata.name=${o.nodeName}`,
    log: o.log,
  });
  return {
    start: () => reflector.start(),
    stop: () => reflector.stop(),
    synced: () => reflector.synced(),
    get() {
      const target = store.get(o.nodeName);
      return target && isOwn(target) ? target : undefined;
    },
    onChange(handler) {
      store.onChange((_key, now, before) => {
        if (!asksTheSame(now, before)) handler();
      });
    },
  };
}
