/** One of several replicas of the controller, as a process of its own behind a fault proxy of its own, which knows what it wrote and when. */
import { join } from 'node:path';
import { fetch } from 'undici';
import { writes, type ApiCall } from '../cluster/api-call.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { startFaultProxy, type FaultProxy } from '../cluster/fault-proxy.ts';
import { freePort, startProcess, type ServerProcess } from '../cluster/processes.ts';

export interface ReplicaOptions {
  name: string;
  controlPlane: ControlPlane;
  /** Of the controller's ServiceAccount. */
  token: string;
  program: readonly [command: string, ...args: string[]];
  flags: Readonly<Record<string, string>>;
  directory: string;
}

export class Replica {
  readonly name: string;
  readonly proxy: FaultProxy;
  readonly process: ServerProcess;
  readonly #url: string;

  private constructor(name: string, parts: { proxy: FaultProxy; process: ServerProcess; url: string }) {
    this.name = name;
    this.proxy = parts.proxy;
    this.process = parts.process;
    this.#url = parts.url;
  }

  /** Starts it; resolves when it is ready, whether or not it leads. */
  static async start({ name, controlPlane, token, program, flags, directory }: ReplicaOptions): Promise<Replica> {
    const proxy = await startFaultProxy(controlPlane);
    const address = `127.0.0.1:${await freePort()}`;
    const [command, ...args] = program;
    const all = {
      kubeconfig: proxy.kubeconfigFor(token),
      identity: name,
      'http-address': address,
      builders: 'process',
      ...flags,
    };
    const clock = `--import=${join(import.meta.dirname, 'stepped-clock.ts')}`;
    const process = await startProcess({
      name,
      command,
      args: [clock, ...args, 'controller', ...Object.entries(all).map(([flag, value]) => `--${flag}=${value}`)],
      logFile: join(directory, `${name}.log`),
    });
    const replica = new Replica(name, { proxy, process, url: `http://${address}` });
    await process.ready(async () => (await replica.readyz()).status === 200);
    return replica;
  }

  async readyz(): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.#url}/readyz`);
    return { status: response.status, text: await response.text() };
  }

  /** Writes that the API server accepted, or may have: Leases, tries and questions about itself are none. */
  written(): ApiCall[] {
    return this.proxy.calls(
      call =>
        (writes as readonly string[]).includes(call.verb) &&
        call.resource !== 'leases' &&
        !call.resource.startsWith('selfsubject') &&
        (call.status === 0 || call.status < 300) &&
        !call.injected,
    );
  }

  async stop(): Promise<void> {
    this.process.kill('SIGCONT');
    await this.process.stop();
    await this.proxy.stop();
  }
}
