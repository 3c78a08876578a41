/** Who wrote how often about which node, from the record of the proxy that controller and agents go through. */
import type { ApiCall } from '../cluster/api-call.ts';
import { writes } from '../cluster/api-call.ts';

export interface NodeWrites {
  controller: number;
  agent: number;
}

/** Writes that reached the API server, events and evictions not counted. */
export function writesOf(record: readonly ApiCall[], node: string): NodeWrites {
  const mine = record.filter(call => isWrite(call) && ['nodes', 'nodetargets'].includes(call.resource) && call.name === node);
  return {
    controller: mine.filter(call => call.userAgent.startsWith('scantling-controller')).length,
    agent: mine.filter(call => call.userAgent.startsWith('scantling-agent')).length,
  };
}

/** Pods that were evicted. */
export function evictions(record: readonly ApiCall[]): ApiCall[] {
  return record.filter(call => call.resource === 'pods' && call.subresource === 'eviction' && call.status === 201);
}

function isWrite(call: ApiCall): boolean {
  return (writes as readonly string[]).includes(call.verb);
}
