/** Records that are easy to tell apart. */
import type { AddonRecord } from '../../../controller/agent/addons/record.ts';

/** 64 hex digits that are easy to tell from others. */
export function hex(n: number): string {
  return n.toString(16).padStart(2, '0').repeat(32);
}

export function digest(n: number): string {
  return `sha256:${hex(n)}`;
}

/** Set `n` of a deployment: as many addons, at most three; set 0 is empty. */
export function recordOf(n: number, deployment = hex(0xd0)): AddonRecord {
  const names = ['runtime', 'kubelet', 'driver'].slice(0, n);
  const addons = names.map((name, i) => ({
    name,
    digest: digest(n * 16 + i),
    size: 4096 * (i + 1),
    services: i === 1 ? ['kubelet.service', 'node-exporter@main.service'] : [],
  }));
  return { image: digest(0xa0), deployment, ...(n === 0 ? {} : { set: digest(n) }), addons };
}
