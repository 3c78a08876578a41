/** What the demo tells while it runs: on a terminal a table of the nodes that is drawn anew, elsewhere a line for each change. */
import type { NodeTarget, NodeTargetStatusHost } from '../../controller/api/node-target.ts';
import type { Fleet } from '../cluster/fleet.ts';
import { shortDigest, table } from './report.ts';

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const drawEveryMs = 100;

export class Narration {
  readonly #out: Output;
  readonly #live: boolean;
  #start = performance.now();
  #fleet: Fleet | undefined;
  #endOfChanges: (() => void) | undefined;
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #told = new Map<string, string>();

  constructor(out: Output) {
    this.#out = out;
    this.#live = out.isTTY === true;
  }

  /** Follows the nodes of a fleet from now on. */
  follow(fleet: Fleet): void {
    this.#fleet = fleet;
    this.#endOfChanges = fleet.onChange(() => {
      if (!this.#live) this.#tellChanges();
      else this.#timer ??= setTimeout(() => this.#redraw(), drawEveryMs);
    });
    if (this.#live) this.#redraw();
    else this.#tellChanges();
  }

  /** No more table; what is said afterwards follows it. */
  end(): void {
    this.#endOfChanges?.();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#fleet = undefined;
    this.#drawn = 0;
  }

  /** A line of its own. */
  say(line = ''): void {
    this.#erase();
    this.#out.write(`${line}\n`);
    if (this.#live && this.#fleet) this.#draw(this.#fleet);
  }

  /** A line with the time since the beginning. */
  tell(line: string): void {
    this.say(`${this.seconds.toFixed(1).padStart(6)} s  ${line}`);
  }

  /** Since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** It begins only now: what came before was a wait for others. */
  restart(): void {
    this.#start = performance.now();
  }

  #redraw(): void {
    this.#timer = undefined;
    if (!this.#fleet) return;
    this.#erase();
    this.#draw(this.#fleet);
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\u001B[${this.#drawn}A\u001B[0J`);
    this.#drawn = 0;
  }

  #draw(fleet: Fleet): void {
    const width = this.#out.columns ?? 120;
    const lines = ['', ...nodeTable(fleet), ''].map(line => line.slice(0, width - 1));
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  #tellChanges(): void {
    for (const { name, doing } of nodeRows(this.#fleet)) {
      if (this.#told.get(name) === doing) continue;
      this.#told.set(name, doing);
      this.tell(`${name}  ${doing}`);
    }
  }
}

interface NodeRow {
  name: string;
  doing: string;
  booted: string;
  bootID: string;
}

/** What one node is at, in words. */
export function nodeDoing(fleet: Fleet, name: string): string {
  return nodeRows(fleet).find(row => row.name === name)?.doing ?? 'not there';
}

/** What each node is at, in words. */
function nodeRows(fleet: Fleet | undefined): NodeRow[] {
  if (!fleet) return [];
  return fleet.stores.nodes
    .list()
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map(node => {
      const target = fleet.stores.targets.get(node.name);
      const host = target?.status?.host;
      return {
        name: node.name,
        doing: doing(node, target),
        booted: shortDigest(host?.booted?.digest ?? ''),
        bootID: node.bootID.slice(0, 8),
      };
    });
}

type Target = ReturnType<Fleet['stores']['targets']['get']>;

function doing(node: { ready: boolean; cordoned: boolean; bootID: string }, target: Target): string {
  const rollout = target?.status?.rollout;
  if (rollout) return `${rollout.phase}: ${rollout.message}`;
  if (!node.ready) return 'down, rebooting';
  if (!target?.status?.host) return 'has no target yet';
  if (node.bootID !== target.status.host.bootID) return 'booted, its agent starts';
  return progress(node.cordoned, target.spec, target.status.host);
}

function progress(cordoned: boolean, spec: NodeTarget['spec'], host: NodeTargetStatusHost): string {
  const { booted, staged, phase } = host;
  const image = shortDigest(spec.image.slice(spec.image.indexOf('@') + 1));
  const isSameImage = spec.digests.includes(booted?.digest ?? '');
  const runs = isSameImage && spec.addonSet === host.addons?.set;
  if (cordoned) {
    if (phase === 'Rebooting') return 'told to reboot';
    if (runs) return `booted ${image}, about to take pods again`;
    return spec.state === 'Booted' ? 'drained and approved' : 'cordoned, draining';
  }
  if (runs) return `runs ${spec.revision?.slice(0, 'main@sha1:'.length + 10) ?? image}`;
  if (isSameImage) return host.prepared?.set === spec.addonSet ? 'has the other addons' : 'fetching other addons';
  return spec.digests.includes(staged?.digest ?? '') ? `staged ${image}${staged?.locked ? ', locked' : ''}` : `staging ${image}`;
}

function nodeTable(fleet: Fleet): string[] {
  const rows = nodeRows(fleet).map(r => [r.name, r.booted, r.bootID, r.doing]);
  return table(['NODE', 'BOOTED', 'BOOT ID', 'STATE'], rows);
}
