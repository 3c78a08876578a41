/**
 * A real node on this machine: kubelet and containerd, real pods with a network of their own. Needs root on Linux and what the set-up
 * installs; `withoutRealNode` says what is missing. Images come from archives or from registries that `allowPlainHttp` names.
 */
import { spawnSync } from 'node:child_process';
import { nodes } from '../../../controller/api/core.ts';
import type { Client } from '../../../controller/kube/client.ts';
import { isNotFound } from '../../../controller/kube/errors.ts';
import type { ControlPlane, ControlPlaneOptions } from '../control-plane.ts';
import { removeDirectory, type ServerProcess, temporaryDirectory } from '../processes.ts';
import { startContainerd } from './containerd.ts';
import { startEnclosure } from './enclosure.ts';
import { startKubelet } from './kubelet.ts';
import { makeOutside, sweep } from './outside.ts';

/** What a control plane needs for a real node beside its own defaults. */
export const realNodeControlPlane = {
  controllers: 'demo',
  scheduler: true,
  serviceAccountAdmission: true,
  apiServerFlags: [
    '--allow-privileged=true',
    '--default-not-ready-toleration-seconds=1',
    '--default-unreachable-toleration-seconds=1',
  ],
} as const satisfies ControlPlaneOptions;

export interface RealNodeOptions {
  controlPlane: ControlPlane;
  /** Of an administrator. */
  admin: Client;
  /** Default `real`. */
  name?: string;
  labels?: Readonly<Record<string, string>>;
  /** Archives of images that pods use. */
  images?: readonly string[];
  /** Laid over the kubelet's configuration (KubeletConfiguration). */
  kubelet?: object;
  /** Addresses of Services that something on this machine answers for, as kube-proxy would lead to it. */
  services?: readonly string[];
  /** A file that the kubelet reads the boot ID from; who calls `reboot` changes it. Default: the machine's own. */
  bootIDFile?: string;
}

export interface RealNode {
  name: string;
  /** Of this machine as pods see it: servers of the test that pods are to reach must listen on it. */
  address: string;
  importImages(archive: string): Promise<void>;
  /** Lets pods' images be pulled from a registry by plain http. */
  allowPlainHttp(host: string): void;
  /** As when the node's network is cut: its pods go on, and nobody hears of them. */
  stopKubelet(): Promise<void>;
  /** Resolves when the node is Ready again. `changes` are laid over the kubelet's configuration for this start. */
  startKubelet(changes?: object): Promise<void>;
  /** As when the machine is rebooted: no word from the node, all containers end, `boot` is called, the kubelet starts. Resolves when the node is Ready again. */
  reboot(boot: () => void): Promise<void>;
  /** SIGKILL to the containers of that name, of whatever pod. They are started again as the pods' restart policy says. */
  killContainers(name: string): Promise<void>;
  /** The last lines of what each container of that name has written that is still kept here. */
  podLogs(container: string, lines: number): string;
  /** The end of what its programs said, for a message about something unexpected. */
  logs(): string;
  stop(): Promise<void>;
}

async function ready(admin: Client, name: string, since: number): Promise<boolean> {
  try {
    const conditions = (await admin.get(nodes, name)).status?.conditions ?? [];
    // What the kubelet of before said does not count.
    return conditions.some(c => c.type === 'Ready' && c.status === 'True' && Date.parse(c.lastHeartbeatTime ?? '') >= since);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Starts the node; resolves when it is Ready. @throws Error with the end of a program's output, and nothing left running. */
export async function startRealNode(options: RealNodeOptions): Promise<RealNode> {
  sweep();
  const { controlPlane, admin } = options;
  const name = options.name ?? 'real';
  const directory = temporaryDirectory('node');
  const outside = makeOutside(options.services);
  const stops: (() => void | Promise<void>)[] = [() => removeDirectory(directory), () => outside.remove()];
  const stop = async () => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    const { bootIDFile } = options;
    const enclosure = await startEnclosure(
      directory,
      bootIDFile === undefined ? {} : { '/proc/sys/kernel/random/boot_id': bootIDFile },
    );
    stops.push(() => enclosure.stop());
    const containerd = await startContainerd(directory, enclosure, outside);
    for (const archive of options.images ?? []) await containerd.importImages(archive);
    let kubelet: ServerProcess | undefined;
    const stopKubelet = async () => {
      kubelet?.kill('SIGKILL');
      await kubelet?.exited;
    };
    const start = async (changes: object = {}) => {
      const since = Math.floor(Date.now() / 1_000) * 1_000;
      kubelet = await startKubelet(
        {
          directory,
          enclosure,
          outside,
          containerdSocket: containerd.socket,
          kubeconfig: controlPlane.kubeconfigFor(controlPlane.adminToken),
          nodeName: name,
          labels: options.labels ?? {},
        },
        { ...options.kubelet, ...changes },
      );
      await kubelet.ready(() => ready(admin, name, since));
    };
    await start();
    return {
      name,
      address: outside.address,
      importImages: archive => containerd.importImages(archive),
      allowPlainHttp: host => containerd.allowPlainHttp(host),
      stopKubelet,
      startKubelet: async changes => {
        await stopKubelet();
        await start(changes);
      },
      reboot: async boot => {
        await stopKubelet();
        await containerd.killContainers();
        boot();
        await start();
      },
      killContainers: name => containerd.killContainers(name),
      podLogs: (container, lines) => {
        const [command, args] = enclosure.command('sh', ['-c', `tail -n ${lines} /var/log/pods/*/${container}/*.log`]);
        return spawnSync(command, args, { encoding: 'utf8' }).stdout;
      },
      logs: () => `--- kubelet\n${kubelet?.tail(40)}`,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
