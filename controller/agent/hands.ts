/** What the agent's steps are done with. */
import type { Log } from '../telemetry/log.ts';
import type { AddonHost } from './addons/addon-host.ts';
import type { Facts, Situation } from './decide.ts';
import type { Host } from './host.ts';
import type { Mind } from './mind.ts';
import type { HostCredentials } from './pull-secret-file.ts';
import type { TargetView } from './target-watch.ts';

export interface Hands {
  host: Host;
  /** Absent on a host that is given no addons. */
  addons?: AddonHost;
  credentials: HostCredentials;
  mind: Mind;
  log: Log;
  now: () => number;
  random: () => number;
  /** Writes the status; with `force` also when it says nothing new. Resolves with the target as the API has it, when it wrote. */
  report(target: TargetView, situation: Situation, facts: Facts | undefined, force?: boolean): Promise<TargetView | undefined>;
}
