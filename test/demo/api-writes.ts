/** Who wrote how often about which node, from the record of the proxy that controller and agents go through. */
import type { ApiCall } from '../cluster/api-call.ts';
import { writes } from '../cluster/api-call.ts';

export interface NodeWrites {
  controller: number;
  agent: number;
}

/** Writes that the API server took, events and evictions not counted. One refused with a conflict changed nothing and is not counted. */
export function writesOf(record: readonly ApiCall[], node: string): NodeWrites {
  const mine = writesAbout(record, node).filter(call => call.status < 300);
  return {
    controller: mine.filter(call => call.userAgent.startsWith('scantling-controller')).length,
    agent: mine.filter(call => call.userAgent.startsWith('scantling-agent')).length,
  };
}

/** The writes about a node in their order, for a message about too many. */
export function describeWrites(record: readonly ApiCall[], node: string): string {
  const first = record[0]?.startedAt ?? 0;
  return writesAbout(record, node)
    .map(call => {
      const seconds = ((call.startedAt - first) / 1000).toFixed(1);
      const what = [call.resource, call.subresource].filter(Boolean).join('/');
      return `${seconds} s ${call.userAgent.split('/')[0]} ${call.verb} ${what} ${call.status}`;
    })
    .join('; ');
}

function writesAbout(record: readonly ApiCall[], node: string): ApiCall[] {
  return record.filter(call => isWrite(call) && ['nodes', 'nodetargets'].includes(call.resource) && call.name === node);
}

/** Pods that were evicted. */
export function evictions(record: readonly ApiCall[]): ApiCall[] {
  return record.filter(call => call.resource === 'pods' && call.subresource === 'eviction' && call.status === 201);
}

function isWrite(call: ApiCall): boolean {
  return (writes as readonly string[]).includes(call.verb);
}
