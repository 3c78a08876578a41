/** The controller or an agent as a process of its own, with what it says at its start. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fetch } from 'undici';
import { freePort, startProcess, temporaryDirectory, type ServerProcess } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { until } from '../kube/until.ts';

interface Line {
  level: string;
  msg: string;
  precondition?: string;
  /** CRDs, in words. */
  newer?: string[];
}

export class Program {
  readonly #process: ServerProcess;
  readonly #url: string;

  private constructor(process: ServerProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /** Starts it and ends it with the test; resolves when it answers probes. Flags without the dashes. */
  static async start(t: TestContext, command: 'controller' | 'agent', flags: Record<string, string>): Promise<Program> {
    const address = `127.0.0.1:${await freePort()}`;
    const [program, ...args] = await programFor({ source: true });
    const process = await startProcess({
      name: command,
      command: program,
      args: [
        ...args,
        command,
        ...Object.entries({ 'http-address': address, ...flags }).map(([flag, value]) => `--${flag}=${value}`),
      ],
      logFile: join(temporaryDirectory('preconditions'), `${command}.log`),
    });
    t.after(() => process.stop());
    const started = new Program(process, `http://${address}`);
    await process.ready(async () => (await started.#get('/readyz')).status > 0);
    return started;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Warnings and errors so far about what is missing in the cluster. */
  said(level: 'error' | 'warn' | 'info' = 'error'): Line[] {
    const lines = readFileSync(this.#process.logFile, 'utf8').split('\n').filter(Boolean);
    return lines.map(line => JSON.parse(line) as Line).filter(line => line.level === level);
  }

  async readyz(): Promise<{ status: number; text: string }> {
    return this.#get('/readyz');
  }

  async healthz(): Promise<number> {
    return (await this.#get('/healthz')).status;
  }

  async untilReady(): Promise<void> {
    let last = '';
    await until('readiness', async () => {
      const { status, text } = await this.readyz();
      last = text;
      return status === 200;
    }).catch((error: unknown) => {
      throw new Error(`not ready: ${last}\n${this.#process.tail()}`, { cause: error });
    });
  }

  /** Resolves with the words of /readyz once they match. */
  async untilUnready(words: RegExp): Promise<string> {
    let last = { status: 0, text: '' };
    await until(`"${words.source}" at /readyz`, async () => {
      last = await this.readyz();
      return last.status === 503 && words.test(last.text);
    }).catch((error: unknown) => {
      throw new Error(`/readyz says ${last.status}: ${last.text}\n${this.#process.tail()}`, { cause: error });
    });
    return last.text;
  }

  async #get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.#url}${path}`);
    return { status: response.status, text: await response.text() };
  }
}
