/** The controller as a process of its own, which can be killed and started again. */
import { appendFileSync } from 'node:fs';
import { fetch } from 'undici';
import { freePort, startProcess, type ServerProcess } from './processes.ts';

export interface ControllerProcessOptions {
  /** Program and first arguments that `controller` and its flags follow. */
  program: readonly [command: string, ...args: string[]];
  /** Of the controller's ServiceAccount. */
  kubeconfig: string;
  insecureRegistries?: readonly string[];
  flags?: readonly string[];
  logFile: string;
  /**
   * Starts it again whenever it ends by itself, as a kubelet does (default false). It ends when its Lease is lost, for which it is enough that
   * the machine stands still for some seconds.
   */
  keep?: boolean;
}

export class ControllerProcess {
  readonly logFile: string;
  readonly #o: ControllerProcessOptions;
  #process: ServerProcess | undefined;
  #address = '';
  /** Whether it was to end. */
  #asked = false;

  constructor(options: ControllerProcessOptions) {
    this.#o = options;
    this.logFile = options.logFile;
  }

  /** Where /healthz, /readyz and /metrics are. */
  get url(): string {
    return `http://${this.#address}`;
  }

  /** What it is now, for people; undefined when it does not run. */
  get running(): string | undefined {
    return this.pid === undefined ? undefined : `process ${this.pid}`;
  }

  get pid(): number | undefined {
    return this.#process?.running ? this.#process.pid : undefined;
  }

  /** Starts it; resolves when /readyz answers 200. */
  async start(): Promise<void> {
    this.#address = `127.0.0.1:${await freePort()}`;
    await this.#begin();
    if (this.#o.keep === true) void this.#keep(this.#process);
  }

  async #keep(process: ServerProcess | undefined): Promise<void> {
    await process?.exited;
    // Another one that was started since has its own keeper.
    if (this.#asked || this.#process !== process) return;
    appendFileSync(this.logFile, '{"msg":"the controller has ended by itself, and is started again"}\n');
    try {
      await this.#begin();
    } catch (error) {
      appendFileSync(
        this.logFile,
        `${JSON.stringify({ msg: 'the controller cannot be started again', error: String(error) })}\n`,
      );
      return;
    }
    void this.#keep(this.#process);
  }

  async #begin(): Promise<void> {
    this.#asked = false;
    const [command, ...args] = this.#o.program;
    const insecure = this.#o.insecureRegistries ?? [];
    appendFileSync(this.logFile, '');
    this.#process = await startProcess({
      name: 'controller',
      command,
      args: [
        ...args,
        'controller',
        `--kubeconfig=${this.#o.kubeconfig}`,
        `--http-address=${this.#address}`,
        // There are no nodes that pods run on, unless who starts it says otherwise.
        ...((this.#o.flags ?? []).some(flag => flag.startsWith('--builders=')) ? [] : ['--builders=process']),
        ...(insecure.length > 0 ? [`--insecure-registries=${insecure.join(',')}`] : []),
        ...(this.#o.flags ?? []),
      ],
      logFile: this.logFile,
    });
    await this.#process.ready(async () => (await fetch(`${this.url}/readyz`)).status === 200, { everyMs: 20 });
  }

  /** SIGKILL: nothing is finished, nothing is released. */
  async kill(): Promise<void> {
    this.#asked = true;
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }

  /** SIGTERM, and SIGKILL when that is not enough. */
  async stop(): Promise<void> {
    this.#asked = true;
    await this.#process?.stop(10_000);
  }

  /** The text of /metrics. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  tail(lines = 20): string {
    return this.#process?.tail(lines) ?? '';
  }
}
