/** The container runtime of a real node: Debian's containerd with a root, a state and a socket of its own. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Enclosure } from './enclosure.ts';
import type { Outside } from './outside.ts';
import { pauseImage, writePauseImage } from './pause-image.ts';
import { networkPlugins } from './requirements.ts';

export interface Containerd {
  /** A path. */
  socket: string;
  /** Takes images in from an archive (docker's or OCI's), under the names in it. Throws with what ctr says. */
  importImages(archive: string): Promise<void>;
  /** Lets pods' images be pulled from a registry by plain http. */
  allowPlainHttp(host: string): void;
  /** SIGKILL to all containers, those that hold pods' namespaces too, or to those that Kubernetes calls by that name. */
  killContainers(name?: string): Promise<void>;
}

function configuration(directory: string, socket: string): string {
  const path = (name: string) => JSON.stringify(join(directory, 'containerd', name));
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  // Snapshotters that are not there, and a place for them outside of the directory, only make noise.
  return `version = 2
root = ${path('root')}
state = ${path('state')}
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = ${JSON.stringify(socket)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${path('opt')}
[${cri}]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, which a machine in a machine may lack, scores cannot be lowered, and every container would fail.
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = "${networkPlugins}"
  conf_dir = ${path('net.d')}
[${cri}.registry]
  config_path = ${path('certs.d')}
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
}

function network(directory: string, { bridge, address, subnet }: Outside): object {
  const ipam = {
    type: 'host-local',
    dataDir: join(directory, 'containerd', 'addresses'),
    ranges: [[{ subnet, gateway: address }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  // Not the gateway by its own doing: the plugin would turn on forwarding for the whole machine.
  return { cniVersion: '0.4.0', name: 'scantling', plugins: [{ type: 'bridge', bridge, isGateway: false, ipam }] };
}

const words = (text: string) => text.split(/\s+/).filter(word => word !== '');

async function killTask(ctr: (...args: string[]) => Promise<string>, id: string): Promise<void> {
  try {
    await ctr('tasks', 'kill', '--signal', 'SIGKILL', '--all', id);
  } catch (error) {
    // It has ended by itself in between.
    if (!/not found|already finished|no running task/.test(String(error))) throw error;
  }
}

/** Starts containerd in the enclosure; resolves when it answers and has the image that pods' sandboxes are made of. */
export async function startContainerd(directory: string, enclosure: Enclosure, outside: Outside): Promise<Containerd> {
  const own = join(directory, 'containerd');
  const socket = join(own, 'containerd.sock');
  mkdirSync(join(own, 'net.d'), { recursive: true });
  writeFileSync(join(own, 'net.d', '10-scantling.conflist'), JSON.stringify(network(directory, outside)));
  writeFileSync(join(own, 'config.toml'), configuration(directory, socket));
  const ctr = async (...args: string[]): Promise<string> => {
    const [command, all] = enclosure.command('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args]);
    try {
      return (await promisify(execFile)(command, all)).stdout;
    } catch (error) {
      const said = (error as { stderr?: string }).stderr ?? '';
      throw new Error(`ctr ${args.join(' ')}: ${said.trim() || String(error)}`, { cause: error });
    }
  };
  const server = await enclosure.start('containerd', 'containerd', ['--config', join(own, 'config.toml')]);
  await server.ready(() => ctr('version').then(() => true), { timeoutMs: 30_000, everyMs: 50 });
  const importImages = async (archive: string) => {
    await ctr('images', 'import', '--all-platforms', archive);
  };
  await importImages(writePauseImage(directory));
  return {
    socket,
    importImages,
    async killContainers(name) {
      const filter = name === undefined ? [] : [`labels."io.kubernetes.container.name"==${name}`];
      const named = words(await ctr('containers', 'list', '--quiet', ...filter));
      const running = new Set(words(await ctr('tasks', 'list', '--quiet')));
      for (const id of named.filter(id => running.has(id))) await killTask(ctr, id);
    },
    allowPlainHttp(host) {
      mkdirSync(join(own, 'certs.d', host), { recursive: true });
      writeFileSync(join(own, 'certs.d', host, 'hosts.toml'), `server = "http://${host}"\n[host."http://${host}"]\n`);
    },
  };
}
