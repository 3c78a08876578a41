/** What of the store may go. The decision is pure, and in doubt for keeping: an addon that is missing at the next boot costs more than its room. */
import { readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FoundRecord, Records } from './records.ts';
import type { AddonStore, Raw, Stored } from './store.ts';

/** Where the boot script links what is merged, below the host's root. */
const mergedPath = 'run/scantling/addons/current';

/** An addon by its bytes. */
export type Needed = Pick<Raw, 'name' | 'digest'>;

export interface Holdings {
  stored: readonly Stored[];
  records: readonly FoundRecord[];
  /** Deployments that the host has: what runs, what is staged, and what it may go back to. */
  deployments: readonly string[];
  /** What the seal of this boot names, what is linked now, and what the target asks for. */
  inUse: readonly Needed[];
}

export interface Surplus {
  /** Deployments whose records go, because the host has them no more. */
  records: string[];
  files: Stored[];
}

/** What nothing needs: no record of a deployment that is left, and nothing in use. */
export function surplusOf({ stored, records, deployments, inUse }: Holdings): Surplus {
  // bootc lists at least what runs; a list without it has not been read.
  if (deployments.length === 0) return { records: [], files: [] };
  const gone = [...new Set(records.map(r => r.deployment).filter(d => !deployments.includes(d)))];
  const kept = records.filter(({ deployment }) => deployments.includes(deployment));
  // What a damaged record needs is not known.
  if (kept.some(found => 'damage' in found)) return { records: gone, files: [] };
  const needed = new Set(inUse.map(keyOf));
  for (const found of kept) if ('record' in found) for (const addon of found.record.addons) needed.add(keyOf(addon));
  return { records: gone, files: stored.filter(file => !needed.has(keyOf(file))) };
}

/** What the links of the host name as merged. What cannot be read throws: it is not taken for nothing. */
export async function mergedNow(root: string): Promise<Needed[]> {
  const directory = join(root, mergedPath);
  const found: Needed[] = [];
  for (const name of await linksIn(directory)) {
    const target = basename(await readlink(join(directory, name)));
    const [, hex] = /^([0-9a-f]{64})\.raw$/.exec(target) ?? [];
    if (hex !== undefined) found.push({ name: name.replace(/\.raw$/, ''), digest: `sha256:${hex}` });
  }
  return found;
}

/** Lets go of what is surplus; resolves with it. The records go first: one that names a file that is gone would be a promise. */
export async function collect(
  o: { store: AddonStore; records: Records; root: string },
  known: Pick<Holdings, 'deployments' | 'inUse'>,
): Promise<Surplus> {
  const [stored, records, merged] = await Promise.all([o.store.list(), o.records.list(), mergedNow(o.root)]);
  const surplus = surplusOf({ stored, records, deployments: known.deployments, inUse: [...known.inUse, ...merged] });
  for (const deployment of surplus.records) await o.records.forget(deployment);
  for (const file of surplus.files) await o.store.remove(file);
  return surplus;
}

function keyOf({ name, digest }: Needed): string {
  return `${name} ${digest}`;
}

async function linksIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isSymbolicLink()).map(({ name }) => name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw error;
  }
}
