/**
 * Where a real node lives: a mount and a PID namespace of its own. When its first process ends, in whatever way, the kernel ends all
 * others with it (containers, shims, pods that nobody asked for any more) and forgets what was mounted, so that nothing has to be found
 * and undone. What is outside of it, the bridge and the cgroups, carries the test's process id in its name and is swept by the next test.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ServerProcess, startProcess } from '../processes.ts';

/** Places that kubelet, containerd and the network plugins write to whatever their flags say; inside they are empty and in memory. */
const own = ['/run', '/var/log', '/var/lib/cni', '/var/lib/kubelet'];

export interface Enclosure {
  /** Starts a program inside; it ends with the enclosure at the latest. */
  start(name: string, command: string, args: readonly string[]): Promise<ServerProcess>;
  /** Program and arguments that run a command inside, for what is not to be kept running. */
  command(command: string, args: readonly string[]): [string, string[]];
  /** Ends everything inside. */
  stop(): Promise<void>;
}

/** Programs that would tell the machine itself to reboot or to change: nothing inside finds them, also not by entering PID 1's namespaces. */
const masked = [
  'bootc',
  'ostree',
  'rpm-ostree',
  'systemctl',
  'systemd-run',
  'systemd-sysext',
  'reboot',
  'shutdown',
  'poweroff',
  'halt',
];

const mask = masked
  .flatMap(name => [`/usr/bin/${name}`, `/usr/sbin/${name}`])
  .map(path => `if [ -e ${path} ]; then mount --bind /bin/false "$(readlink -f ${path})"; fi`);

/** Makes the namespaces. `over` are files that are seen in place of others inside, by path. Throws with the end of what was said when the kernel does not let us. */
export async function startEnclosure(directory: string, over: Readonly<Record<string, string>> = {}): Promise<Enclosure> {
  const ready = join(directory, 'enclosure-ready');
  // The first process of a PID namespace is the parent of orphans: it waits for them all.
  const script = [
    'set -e',
    ...own.map(path => `mkdir -p ${path} && mount -t tmpfs -o mode=755 tmpfs ${path}`),
    'mkdir -p /run/lock /var/log/containers',
    ...mask,
    ...Object.entries(over).map(([path, file]) => `mount --bind '${file}' ${path}`),
    'touch "$1"',
    'while :; do sleep 1000 & wait $!; done',
  ].join('\n');
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', '--propagation=private'];
  const holder = await startProcess({
    name: 'enclosure of the node',
    command: 'unshare',
    args: [...namespaces, 'sh', '-c', script, 'sh', ready],
    logFile: join(directory, 'enclosure.log'),
  });
  const command = (program: string, args: readonly string[]): [string, string[]] => [
    'nsenter',
    [`--mount=/proc/${holder.pid}/ns/mnt`, `--pid=/proc/${holder.pid}/ns/pid_for_children`, '--', program, ...args],
  ];
  await holder.ready(() => Promise.resolve(existsSync(ready)), { timeoutMs: 10_000, everyMs: 20 });
  return {
    command,
    start: (name, program, args) => {
      const [entering, all] = command(program, args);
      return startProcess({ name, command: entering, args: all, logFile: join(directory, `${name}.log`) });
    },
    stop: async () => {
      holder.kill('SIGKILL');
      await holder.exited;
    },
  };
}
