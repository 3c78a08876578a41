/** The writes that a plan asks for. Each is one API call, and leaves the objects in a state from which a new plan goes on. */
import { nodeTargetFinalizer } from '../api/names.ts';
import { approvalText } from '../api/approval.ts';
import type { NodeTargetSpecApply, NodeTargetStatusRollout } from '../api/node-target.ts';
import type { Target } from './on-host.ts';
import type { Cordon } from './cordon.ts';
import type { NodeTargetView, NodeView } from './projection.ts';
import type { PullSecret } from './pull-secret.ts';

export type Action =
  /**
   * Creates the NodeTarget, or moves it to another image or other addons, state Staged. `retried` forgives these failures. `back`: because of trust, to what the node
   * runs already or ran before, or to the image that it has, without its go-ahead.
   */
  | {
      type: 'target';
      node: string;
      target: Target;
      pullSecret?: PullSecret;
      /** Absent: by a reboot. */
      apply?: NodeTargetSpecApply;
      since: number;
      retried?: readonly string[];
      back?: true;
    }
  /** Cordons the node and says so on it, in one patch. */
  | { type: 'cordon'; node: string; cordon: Cordon }
  /** Lets the agent reboot, or with `apply` change the addons of the running host: state Booted. From then on the NodeTarget does not go before the plan lets it. */
  | { type: 'approve'; node: string; approval: string; since: number; apply?: NodeTargetSpecApply }
  /** Takes our mark off, and the cordon unless it was somebody else's before. `proven`: the node came back as it should. */
  | { type: 'uncordon'; node: string; cordon: Cordon; proven: boolean }
  /** Says on the NodeTarget why the node does not move, or takes that back. */
  | { type: 'report'; node: string; rollout?: NodeTargetStatusRollout }
  /** Deletes the NodeTarget, or lets it go when it is being deleted. `back`: of a node that stays, because trust does not allow what it names. */
  | { type: 'remove'; node: string; back?: true };

/** What is known of a node before and after an action. */
export interface Subject {
  node: NodeView;
  nodeTarget?: NodeTargetView;
}

/** The member as it will be once the API server has taken the action. */
export function advance<S extends Subject>(subject: S, action: Action, pool: string): S {
  switch (action.type) {
    case 'target':
      return { ...subject, nodeTarget: retargeted(subject, action, pool) };
    case 'cordon':
      return { ...subject, node: { ...subject.node, unschedulable: true, cordon: action.cordon } };
    case 'uncordon': {
      const { cordon: _, ...node } = subject.node;
      return { ...subject, node: { ...node, unschedulable: node.unschedulable && action.cordon.wasUnschedulable } };
    }
    case 'approve': {
      const { approval, since, apply } = action;
      const { nodeTarget } = subject;
      if (!nodeTarget) return subject;
      const finalizers = [...withoutOurs(nodeTarget.finalizers), nodeTargetFinalizer];
      return {
        ...subject,
        nodeTarget: { ...nodeTarget, state: 'Booted', approval, since, finalizers, ...(apply ? { apply } : {}) },
      };
    }
    case 'report': {
      if (!subject.nodeTarget) return subject;
      const { rollout: _, ...nodeTarget } = subject.nodeTarget;
      return { ...subject, nodeTarget: { ...nodeTarget, ...(action.rollout ? { rollout: action.rollout } : {}) } };
    }
    case 'remove': {
      const { nodeTarget: _, ...rest } = subject;
      return rest as S;
    }
  }
}

function retargeted({ node, nodeTarget }: Subject, action: Action & { type: 'target' }, pool: string): NodeTargetView {
  const {
    approval: _,
    revision: __,
    pullSecret: ___,
    addons: ____,
    apply: _____,
    ...before
  } = nodeTarget ?? {
    name: node.name,
    uid: '',
    resourceVersion: '',
    finalizers: [],
    retried: [],
  };
  const { image, digests, revision, addons } = action.target;
  return {
    ...before,
    pool,
    nodeUID: node.uid,
    deleting: false,
    finalizers: withoutOurs(before.finalizers),
    image,
    digests,
    ...(revision === undefined ? {} : { revision }),
    ...(addons ? { addons } : {}),
    ...(action.apply ? { apply: action.apply } : {}),
    ...(action.pullSecret ? { pullSecret: action.pullSecret } : {}),
    state: 'Staged',
    since: action.since,
    retried: action.retried ?? before.retried,
  };
}

/** The finalizers of others. */
export function withoutOurs(finalizers: readonly string[]): string[] {
  return finalizers.filter(f => f !== nodeTargetFinalizer);
}

/** A go-ahead: unlike every other, and naming the digest of the target that it is for. */
export function approvalOf(now: number, digest: string, live = false): string {
  return approvalText(now, { digest, live });
}
