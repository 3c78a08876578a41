/** The names that workloads become on the node, which must differ. Pure. */
import type { SystemDefinitionSpec } from '../api/system-definition.ts';

export interface GeneratedName {
  /** Names of one kind are one space. */
  kind: 'service' | 'pod or container' | 'volume';
  name: string;
  /** File below the Quadlet directory, of a service. */
  file?: string;
  field: string;
}

/** Every name that the workloads make: as podman's generator derives services from files, and as podman keeps pods and containers in one space. */
export function generatedNames(spec: SystemDefinitionSpec, images: readonly { name: string; field: string }[]): GeneratedName[] {
  const names = (spec.workloads ?? []).flatMap(({ name, volumes = [], containers }, i): GeneratedName[] => {
    const field = `spec.workloads[${i}]`;
    return [
      service(`${name}-pod`, `${name}.pod`, field),
      { kind: 'pod or container', name, field },
      // What podman calls the container that holds the pod's network.
      { kind: 'pod or container', name: `${name}-infra`, field },
      ...volumes.flatMap(({ name: volume, hostPath }, j): GeneratedName[] => {
        if (hostPath !== undefined) return [];
        const at = `${field}.volumes[${j}].name`;
        const full = `${name}-${volume}`;
        return [service(`${full}-volume`, `${full}.volume`, at), { kind: 'volume', name: full, field: at }];
      }),
      ...containers.flatMap(({ name: container }, j): GeneratedName[] => {
        const at = `${field}.containers[${j}].name`;
        const full = `${name}-${container}`;
        return [service(full, `${full}.container`, at), { kind: 'pod or container', name: full, field: at }];
      }),
    ];
  });
  return [...names, ...images.map(({ name, field }) => service(`${name}-image`, `${name}.image`, field))];
}

function service(name: string, file: string, field: string): GeneratedName {
  return { kind: 'service', name: `${name}.service`, file, field };
}
