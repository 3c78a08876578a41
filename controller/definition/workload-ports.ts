/** Ports of workloads that cannot be had together. Pure. */
import { isIP } from 'node:net';
import type { SystemDefinitionSpecWorkload, SystemDefinitionSpecWorkloadContainerPort } from '../api/system-definition.ts';
import type { Problems } from './problems.ts';

interface Claim {
  field: string;
  addresses: readonly string[];
}

/** Reports every port of the node that two mappings claim, and every port of a pod that two of its containers would listen on. */
export function checkPorts(workloads: readonly SystemDefinitionSpecWorkload[], problems: Problems): void {
  const claims = new Map<string, Claim[]>();
  workloads.forEach((workload, i) => {
    const listeners = new Map<string, { container: string; field: string }>();
    workload.containers.forEach(({ name, ports = [] }, j) => {
      ports.forEach((port, k) => {
        const field = `spec.workloads[${i}].containers[${j}].ports[${k}]`;
        if (workload.network === 'Host') {
          return problems.add(field, 'network: Host has no ports to map; the container listens on the node itself');
        }
        checkListener(port, { container: name, field }, listeners, problems);
        checkHostPort(port, field, claims, problems);
      });
    });
  });
}

/** The containers of a pod share one network, so one of them would find the port taken. */
function checkListener(
  { containerPort, protocol }: SystemDefinitionSpecWorkloadContainerPort,
  listener: { container: string; field: string },
  listeners: Map<string, { container: string; field: string }>,
  problems: Problems,
): void {
  const key = `${containerPort}/${protocol}`;
  const other = listeners.get(key);
  if (!other) listeners.set(key, listener);
  else if (other.container !== listener.container) {
    problems.add(
      `${listener.field}.containerPort`,
      `${key} is also ${other.field}.containerPort; the containers of a pod share one network, so only one of them can listen there`,
    );
  }
}

function checkHostPort(
  { hostIP, hostPort, protocol }: SystemDefinitionSpecWorkloadContainerPort,
  field: string,
  claims: Map<string, Claim[]>,
  problems: Problems,
): void {
  if (hostIP !== undefined && isIP(hostIP) === 0) return problems.add(`${field}.hostIP`, `${hostIP} is not an IP address`);
  const addresses = addressesOf(hostIP);
  const key = `${hostPort}/${protocol}`;
  const others = claims.get(key) ?? [];
  const other = others.find(claim => claim.addresses.some(one => addresses.some(two => overlap(one, two))));
  if (other) problems.add(`${field}.hostPort`, `${key} is also mapped by ${other.field}; keep one of them`);
  claims.set(key, [...others, { field, addresses }]);
}

const any = ['0.0.0.0', '::'] as const;

/** In the one form that each address has (RFC 5952). */
function addressesOf(hostIP: string | undefined): readonly string[] {
  if (hostIP === undefined) return any;
  return [isIP(hostIP) === 6 ? new URL(`http://[${hostIP}]`).hostname.slice(1, -1) : hostIP];
}

function overlap(one: string, two: string): boolean {
  if (isIP(one) !== isIP(two)) return false;
  return one === two || any.some(each => each === one || each === two);
}
