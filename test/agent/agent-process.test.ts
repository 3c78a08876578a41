/** The agent as a process that is killed where it hurts most. What it started on the host goes on without it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rebootHost, rebootRequested } from '../cluster/host/fake-host.ts';
import { injectFault } from '../cluster/host/faults.ts';
import { hostPaths } from '../cluster/host/state.ts';
import { startProcess } from '../cluster/processes.ts';
import type { ServerProcess } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { startYard, verdictOf } from './station.ts';
import type { Station, Yard } from './station.ts';

let yard: Yard;
before(async () => {
  yard = await startYard();
});
after(() => yard.stop());

class Life {
  readonly #station: Station;
  #process: ServerProcess | undefined;

  constructor(station: Station) {
    this.#station = station;
  }

  async begin(): Promise<void> {
    const [command, ...args] = await programFor({ source: true });
    const { name, kubeconfig, host } = this.#station;
    const flags = { 'node-name': name, kubeconfig, 'host-root': host.root, 'host-path': host.path, 'http-address': 'off' };
    this.#process = await startProcess({
      name: `agent of ${name}`,
      command,
      args: [...args, 'agent', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)],
      logFile: join(host.directory, 'agent.log'),
    });
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }

  /** Kills it as soon as the host was given this command, and begins the next life. */
  async killAt(command: string): Promise<void> {
    while (!this.calls().some(call => call.startsWith(command))) await sleep(5);
    await this.kill();
    await this.begin();
  }

  calls(): string[] {
    const { calls } = hostPaths(this.#station.host.directory);
    return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
  }
}

test('killed while it pulls, while it arms and after the order to reboot: one pull, one reboot, one verdict', async () => {
  const station = await yard.station();
  const [, second] = yard.images;
  injectFault(station.host.directory, { kind: 'SlowPull', ms: 1500, times: 1 });
  await station.aim(second);
  const life = new Life(station);
  try {
    await life.begin();
    await life.killAt('bootc switch');
    await station.untilReady('Staged');
    const approval = await station.approve(second);
    await life.killAt('bootc upgrade --from-downloaded');
    await life.killAt('systemctl reboot');
    await station.untilReady('Rebooting');
    assert.equal(rebootRequested(station.host.directory), true);
    await life.kill();
    assert.equal(rebootHost(station.host.directory).outcome, 'Applied');
    await life.begin();
    const done = await station.untilReady('Booted');
    assert.equal(verdictOf(done).type, 'Succeeded');
    assert.equal(verdictOf(done).approval, approval);
    const count = (command: string) => life.calls().filter(call => call.startsWith(command)).length;
    assert.equal(count('bootc switch'), 1);
    assert.equal(count('systemctl reboot'), 1);
    assert.equal(
      life.calls().some(call => call.includes('--apply')),
      false,
    );
  } finally {
    await life.kill();
  }
});
