/**
 * What the boot scripts of addons leave behind on a host where nothing can be mounted: the support file and the seal, of the record and the files that are there.
 * The scripts themselves are tried on real file systems elsewhere.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Line {
  name: string;
  digest: string;
  size: number;
}

/** `refused`: names that systemd-sysext leaves out. */
export function sealAddons(root: string, o: { boot: string; deployment: string | null; refused: readonly string[] }): void {
  const { boot, deployment } = o;
  const said = { version: 1, boot, softReboots: 0, deployment };
  put(join(root, 'run/scantling/addons-support.json'), {
    kind: 'scantling-addons-support',
    ...said,
    supported: true,
    systemd: 257,
  });
  const record = readRecord(root, deployment);
  const addons = (record?.addons ?? []).map(({ name, digest, size }) => {
    const problem = refusal(root, { name, digest, size }, o.refused);
    return {
      name,
      digest,
      ...(problem === undefined ? { state: 'Merged' } : { state: 'NotMerged', reason: problem, message: `it is ${problem}` }),
    };
  });
  const merged = addons.filter(({ state }) => state === 'Merged').length;
  const state = addons.length === 0 ? 'None' : merged === addons.length ? 'Merged' : merged === 0 ? 'Failed' : 'Partial';
  put(join(root, 'run/scantling/seal.json'), {
    kind: 'scantling-addons-seal',
    ...said,
    image: record?.image ?? null,
    set: record?.set ?? null,
    record: record?.kind ?? 'none',
    state,
    addons,
    foreign: [],
    since: merged > 0 ? Date.now() : null,
  });
}

function readRecord(root: string, deployment: string | null) {
  for (const kind of ['current', 'before'] as const) {
    const file = join(root, 'var/lib/scantling/addons/.records', `${deployment}${kind === 'before' ? '.before' : ''}`);
    if (!existsSync(file)) continue;
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .map(line => line.split(' '));
    const of = (key: string): string[][] => lines.filter(([first]) => first === key);
    const addons: Line[] = of('addon').map(([, name = '', hex = '', size = '']) => ({
      name,
      digest: `sha256:${hex}`,
      size: Number(size),
    }));
    return { kind, image: of('image')[0]?.[1] ?? null, set: of('set')[0]?.[1] ?? null, addons };
  }
  return undefined;
}

function refusal(root: string, { name, digest, size }: Line, refused: readonly string[]): string | undefined {
  const file = join(root, 'var/lib/scantling/addons', name, `${digest.slice(7)}.raw`);
  if (!existsSync(file)) return 'NotInStore';
  const bytes = readFileSync(file);
  if (bytes.length !== size || createHash('sha256').update(bytes).digest('hex') !== digest.slice(7)) return 'Spoiled';
  return refused.includes(name) ? 'NotMerged' : undefined;
}

function put(path: string, document: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(document), { mode: 0o444 });
  renameSync(`${path}.new`, path);
}
