/** What is wrong with the workloads of a definition, each with its field. Pure. */
import type {
  SystemDefinitionSpec,
  SystemDefinitionSpecWorkload,
  SystemDefinitionSpecWorkloadContainer,
} from '../api/system-definition.ts';
import type { Problems } from './problems.ts';
import { checkContainerValues } from './workload-values.ts';
import { dependencyCycles } from './workload-dependencies.ts';
import { refuseMountPath, refuseSecretPath } from './workload-mounts.ts';
import type { GeneratedName } from './workload-names.ts';
import { checkPorts } from './workload-ports.ts';

/** Reports all that keeps the workloads from starting as declared. `isPlaced` says whether a file or tree of the definition writes a path. */
export function checkWorkloads(
  spec: SystemDefinitionSpec,
  names: readonly GeneratedName[],
  problems: Problems,
  isPlaced: (path: string) => boolean,
): void {
  const workloads = spec.workloads ?? [];
  checkNames(names, problems);
  checkUnits(spec, names, problems, isPlaced);
  checkPorts(workloads, problems);
  workloads.forEach((workload, i) => checkWorkload(workload, `spec.workloads[${i}]`, problems, isPlaced));
}

function checkRepeated(list: readonly { name: string }[], fieldOf: (i: number) => string, problems: Problems): void {
  list.forEach(({ name }, i) => {
    const first = list.findIndex(other => other.name === name);
    if (first < i) problems.add(fieldOf(i), `${name} is also ${fieldOf(first)}; keep one of them`);
  });
}

/** Different parts can become one name: container b-c of workload a, and container c of workload a-b. */
function checkNames(names: readonly GeneratedName[], problems: Problems): void {
  const first = new Map<string, GeneratedName>();
  const said = new Set<string>();
  for (const each of names) {
    const key = `${each.kind} ${each.name}`;
    const other = first.get(key);
    if (!other) first.set(key, each);
    // Two parts that are one service are one container too: one message is enough.
    else if (!said.has(`${each.field} ${other.field}`)) {
      said.add(`${each.field} ${other.field}`);
      problems.add(each.field, `becomes the ${each.kind} ${each.name}, as ${other.field} does; give one of them another name`);
    }
  }
}

/** A unit of the definition can add to a generated service (drop-ins), but not take its place. */
function checkUnits(
  spec: SystemDefinitionSpec,
  names: readonly GeneratedName[],
  problems: Problems,
  isPlaced: (path: string) => boolean,
): void {
  const services = new Map(names.flatMap(each => (each.kind === 'service' ? [[each.name, each] as const] : [])));
  spec.units?.forEach(({ name, contents, enabled, mask }, i) => {
    const service = services.get(name);
    if (!service || (contents === undefined && enabled === undefined && !mask)) return;
    problems.add(
      `spec.units[${i}].name`,
      `${name} is made of ${service.field} and starts with it; only dropIns can be given for it`,
    );
  });
  for (const { name, file, field } of services.values()) {
    const paths = [
      `/etc/systemd/system/${name}`,
      `/usr/lib/systemd/system/${name}`,
      ...(file === undefined ? [] : [`/etc/containers/systemd/${file}`]),
    ];
    const placed = paths.find(isPlaced);
    if (placed) problems.add(field, `becomes the service ${name}, for which a file or tree writes ${placed}; keep one of them`);
  }
}

function checkWorkload(
  workload: SystemDefinitionSpecWorkload,
  field: string,
  problems: Problems,
  isPlaced: (path: string) => boolean,
): void {
  const { name, containers, volumes = [] } = workload;
  if (/^systemd(-|$)/.test(name)) problems.add(`${field}.name`, `${name} would make services with names of systemd's own`);
  checkRepeated(volumes, i => `${field}.volumes[${i}].name`, problems);
  volumes.forEach(({ hostPath }, i) => {
    const wrong = hostPath === undefined ? undefined : refuseMountPath(hostPath);
    if (wrong) problems.add(`${field}.volumes[${i}].hostPath`, wrong);
  });
  for (const { index, message } of dependencyCycles(containers)) {
    problems.add(`${field}.containers[${index}].dependsOn`, message);
  }
  containers.forEach((container, i) => {
    const at = `${field}.containers[${i}]`;
    checkRepeated(container.env ?? [], j => `${at}.env[${j}].name`, problems);
    checkDependencies(container, workload, at, problems);
    checkMounts(container, workload, at, problems);
    checkSecrets(container, at, problems, isPlaced);
    checkContainerValues(container, at, problems);
  });
}

function checkDependencies(
  container: SystemDefinitionSpecWorkloadContainer,
  { name, containers }: SystemDefinitionSpecWorkload,
  at: string,
  problems: Problems,
): void {
  container.dependsOn?.forEach((other, i) => {
    if (containers.some(({ name }) => name === other)) return;
    const others = containers.map(({ name }) => name).filter(each => each !== container.name);
    problems.add(`${at}.dependsOn[${i}]`, `${other} is no container of the workload ${name}${has(others)}`);
  });
}

function checkMounts(
  container: SystemDefinitionSpecWorkloadContainer,
  { name, volumes = [] }: SystemDefinitionSpecWorkload,
  at: string,
  problems: Problems,
): void {
  const mounted = new Map<string, string>();
  const mount = (path: string, field: string): void => {
    const wrong = refuseMountPath(path);
    if (wrong) return problems.add(field, wrong);
    const other = mounted.get(path);
    if (other) return problems.add(field, `${path} is also ${other}; keep one of them`);
    mounted.set(path, field);
  };
  container.volumeMounts?.forEach((volumeMount, i) => {
    const field = `${at}.volumeMounts[${i}]`;
    if (!volumes.some(volume => volume.name === volumeMount.name)) {
      const known = has(volumes.map(volume => volume.name));
      problems.add(`${field}.name`, `${volumeMount.name} is no volume of the workload ${name}${known}`);
    }
    mount(volumeMount.mountPath, `${field}.mountPath`);
  });
  container.secretRefs?.forEach(({ mountPath }, i) => {
    if (mountPath !== undefined) mount(mountPath, `${at}.secretRefs[${i}].mountPath`);
  });
}

function checkSecrets(
  container: SystemDefinitionSpecWorkloadContainer,
  at: string,
  problems: Problems,
  isPlaced: (path: string) => boolean,
): void {
  container.secretRefs?.forEach(({ hostPath }, i) => {
    const placed = isPlaced(hostPath)
      ? `${hostPath} is written by a file or tree, so the secret would be in the image; put it on the node itself`
      : undefined;
    const wrong = refuseSecretPath(hostPath) ?? placed;
    if (wrong) problems.add(`${at}.secretRefs[${i}].hostPath`, wrong);
  });
}

function has(names: readonly string[]): string {
  return names.length > 0 ? `; it has ${names.join(', ')}` : '';
}
