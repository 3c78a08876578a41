/** The kubelet of a real node. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverBinary } from '../../tools/servers.ts';
import { freePort, type ServerProcess } from '../processes.ts';
import type { Enclosure } from './enclosure.ts';
import type { Outside } from './outside.ts';

export interface KubeletOptions {
  directory: string;
  enclosure: Enclosure;
  outside: Outside;
  /** A path. */
  containerdSocket: string;
  kubeconfig: string;
  nodeName: string;
  labels: Readonly<Record<string, string>>;
}

/** Fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1) that differ from the defaults. */
async function configuration({ directory, outside, containerdSocket }: KubeletOptions): Promise<Record<string, unknown>> {
  copyFileSync('/etc/resolv.conf', join(directory, 'resolv.conf')); // often a link into /run, which is another one inside
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: outside.address,
    port: await freePort(),
    healthzPort: 0,
    // The address is reachable from this machine only.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    volumePluginDir: join(directory, 'volume-plugins'),
    resolvConf: join(directory, 'resolv.conf'),
    // Any Linux, also one in a machine of someone else's.
    cgroupDriver: 'cgroupfs',
    cgroupRoot: outside.cgroup,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    // The disk of the machine is not the node's: a full one must not evict its pods or remove its images.
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    localStorageCapacityIsolation: false,
    // So that nobody waits.
    nodeStatusUpdateFrequency: '2s',
    syncFrequency: '2s',
    fileCheckFrequency: '20s',
  };
}

/** Starts the kubelet; `changes` are laid over its configuration. The node is Ready when the API server says so, not yet here. */
export async function startKubelet(options: KubeletOptions, changes: object): Promise<ServerProcess> {
  const { directory, enclosure, outside } = options;
  const root = join(directory, 'kubelet');
  mkdirSync(root, { recursive: true });
  const file = join(directory, 'kubelet.json');
  writeFileSync(file, JSON.stringify({ ...(await configuration(options)), ...changes }));
  const labels = Object.entries(options.labels).map(([key, value]) => `${key}=${value}`);
  return enclosure.start('kubelet', serverBinary('kubelet'), [
    `--config=${file}`,
    `--kubeconfig=${options.kubeconfig}`,
    `--root-dir=${root}`,
    `--cert-dir=${join(root, 'pki')}`,
    `--hostname-override=${options.nodeName}`,
    `--node-ip=${outside.address}`,
    ...(labels.length > 0 ? [`--node-labels=${labels.join(',')}`] : []),
    '--v=2',
  ]);
}
