/** One Quadlet file for each part of a workload. Pure; what may be in them is checked elsewhere. Keys are those of podman 5.0. */
import type {
  SystemDefinitionSpecWorkload,
  SystemDefinitionSpecWorkloadContainer,
  SystemDefinitionSpecWorkloadContainerHealthCheck,
  SystemDefinitionSpecWorkloadContainerPort,
  SystemDefinitionSpecWorkloadVolume,
} from '../api/system-definition.ts';
import { type QuadletLine, expandNothing, quadletCommand, quadletFile, quadletJson, quadletWord } from './quadlet.ts';
import { isRelabelled } from './workload-mounts.ts';

export const quadletDirectory = '/usr/share/containers/systemd';
export const boundImagesDirectory = '/usr/lib/bootc/bound-images.d';

/** Where bootc keeps bound images. It is named for each container: for all of podman it would lose layers that others still use. */
const imageStore = '--storage-opt=additionalimagestore=/usr/lib/bootc/storage';

// A node has nobody who would start again what systemd gave up: it tries for ever, every few seconds.
const tireless: QuadletLine = ['StartLimitIntervalSec', '0'];
const pause: QuadletLine = ['RestartSec', '5s'];
/** Nothing is pulled at the start, but a new volume is filled from the image, which takes its time on slow disks. */
const startTimeout: QuadletLine = ['TimeoutStartSec', '5min'];
/** As long as Kubernetes waits; below the 45 s and 90 s that distributions give a service to stop. */
const stopTimeout: QuadletLine = ['StopTimeout', '30'];

const restarts = { Always: 'always', OnFailure: 'on-failure', Never: 'no' } as const;
/** podman's own "restart" goes past systemd; what is killed, systemd starts again. */
const onFailures = { None: 'none', Restart: 'kill', Stop: 'stop' } as const;

/** The pod: the network that its containers share, and what starts with the system. */
export function podUnit({ name, network, containers }: SystemDefinitionSpecWorkload): string {
  const ports = containers.flatMap(({ ports = [] }) => ports.map(publishPort)).toSorted();
  return quadletFile([
    ['Unit', [['Description', `Pod of the workload ${name}`], tireless]],
    [
      'Pod',
      [
        ['PodName', name],
        ...(network === 'Host' ? [['Network', 'host'] as const] : []),
        ...ports.map((port): QuadletLine => ['PublishPort', port]),
        // The generator's default stops the pod, and with it for good all containers, when none of them runs for a moment.
        ['PodmanArgs', '--exit-policy=continue'],
      ],
    ],
    ['Service', [pause, startTimeout]],
    ['Install', [['WantedBy', 'multi-user.target']]],
  ]);
}

/** `[address:]hostPort:containerPort/protocol`. */
function publishPort({ hostIP, hostPort, containerPort, protocol }: SystemDefinitionSpecWorkloadContainerPort): string {
  const address = hostIP === undefined ? '' : `${hostIP.includes(':') ? `[${hostIP}]` : hostIP}:`;
  return `${address}${hostPort}:${containerPort}/${protocol.toLowerCase()}`;
}

export function volumeUnit(workload: SystemDefinitionSpecWorkload, volume: SystemDefinitionSpecWorkloadVolume): string {
  return quadletFile([
    ['Unit', [['Description', `Volume ${volume.name} of the workload ${workload.name}`]]],
    ['Volume', [['VolumeName', `${workload.name}-${volume.name}`]]],
  ]);
}

/** Only for bootc, which reads `Image=` in it. Nothing starts the service that podman makes of it: that would ask the registry at every boot. */
export function imageUnit(reference: string): string {
  return quadletFile([['Image', [['Image', reference]]]]);
}

/** One container of a pod. `image` is `repository@digest`. */
export function containerUnit(
  workload: SystemDefinitionSpecWorkload,
  container: SystemDefinitionSpecWorkloadContainer,
  image: string,
): string {
  const { name, command = [], args = [], user, dependsOn = [], restart } = container;
  const { exec, environment } = quadletCommand(args);
  const before = dependsOn.map(other => `${workload.name}-${other}.service`).toSorted();
  return quadletFile([
    [
      'Unit',
      [
        ['Description', `Container ${name} of the workload ${workload.name}`],
        // Not Requires=: what cannot start because of it is not started when it is there later.
        ...before.flatMap((unit): QuadletLine[] => [
          ['Wants', unit],
          ['After', unit],
        ]),
        tireless,
      ],
    ],
    [
      'Container',
      [
        ['ContainerName', `${workload.name}-${name}`],
        ['Pod', `${workload.name}.pod`],
        ['Image', image],
        ['GlobalArgs', imageStore],
        ['Pull', 'never'],
        ...line('Entrypoint', command.length > 0 ? quadletJson(command) : undefined),
        ...line('Exec', args.length > 0 ? exec : undefined),
        ...environmentLines(container),
        ...mountLines(workload, container),
        ...line('User', user),
        ...line('ReadOnly', container.readOnlyRootFilesystem ? 'true' : undefined),
        stopTimeout,
        ...(container.healthCheck ? healthLines(container.healthCheck) : []),
      ],
    ],
    [
      'Service',
      [
        ...environment.map((assignment): QuadletLine => ['Environment', assignment]),
        ['Restart', restarts[restart]],
        pause,
        startTimeout,
      ],
    ],
  ]);
}

function line(key: string, value: string | undefined): QuadletLine[] {
  return value === undefined ? [] : [[key, value]];
}

/** In the order of the definition, because a file read later wins. */
function environmentLines({ env = [], secretRefs = [] }: SystemDefinitionSpecWorkloadContainer): QuadletLine[] {
  return [
    ...env.map(({ name, value }): QuadletLine => ['Environment', quadletWord(`${name}=${value}`)]),
    ...secretRefs.filter(({ env }) => env).map(({ hostPath }): QuadletLine => ['EnvironmentFile', hostPath]),
  ];
}

function mountLines(workload: SystemDefinitionSpecWorkload, container: SystemDefinitionSpecWorkloadContainer): QuadletLine[] {
  const paths = new Map(workload.volumes?.map(({ name, hostPath }) => [name, hostPath]));
  const volumes = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
    const hostPath = paths.get(name);
    const options = [...(readOnly ? ['ro'] : []), ...(hostPath !== undefined && isRelabelled(hostPath) ? ['z'] : [])];
    return [hostPath ?? `${workload.name}-${name}.volume`, mountPath, ...(options.length > 0 ? [options.join(',')] : [])].join(
      ':',
    );
  });
  const secrets = (container.secretRefs ?? []).flatMap(({ hostPath, mountPath }) =>
    mountPath === undefined ? [] : [`${hostPath}:${mountPath}:ro,z`],
  );
  return [...volumes, ...secrets].map(volume => ['Volume', volume]);
}

function healthLines(check: SystemDefinitionSpecWorkloadContainerHealthCheck): QuadletLine[] {
  return [
    ['HealthCmd', healthCommand(check.command)],
    ['HealthInterval', check.interval],
    ['HealthTimeout', check.timeout],
    ['HealthStartPeriod', check.startPeriod],
    ['HealthRetries', String(check.retries)],
    ['HealthOnFailure', onFailures[check.onFailure]],
  ];
}

/**
 * podman runs a JSON list of several words as they are, in every version; a list of one word it hands to a shell, unless the text starts
 * with CMD, which older versions understand only outside of JSON.
 */
function healthCommand(command: readonly string[]): string {
  return command.length === 1 ? expandNothing(`CMD ${command[0]}`) : quadletJson(command);
}
