/**
 * An archive of torcx as the tree of an addon. torcx unpacks an image to /run/torcx/unpack/NAME, and links or copies from there what the manifest lists; here
 * the same is done once, when the addon is made, with places below /usr:
 * - all of the image is in /usr/lib/torcx/ADDON, as it lies in the archive, so that programs find what they look for beside themselves ($ORIGIN, `../lib`),
 *   and nothing of it hides a file of the system by chance;
 * - what `bin` lists is linked from /usr/bin;
 * - units, network, sysusers, tmpfiles and udev rules stand where systemd and udev read them, and a link is left in their old place.
 */
import { assetKinds, type AssetKind, type ImageManifest } from './image-manifest.ts';
import { type ArchiveEntry, type ArchiveFile, type ArchiveLink, type ArchiveTree, outside } from './archive-tree.ts';
import { linkBetween, linkTarget } from './links.ts';
import { quoted, refuse } from './refusal.ts';
import { readText } from './read-text.ts';
import type { Places } from './references.ts';
import { ImportWarnings, type ImportWarning } from './warnings.ts';

/** An entry of an addon's tree; `path` is relative to its root, and begins with usr/. Owned by 0:0. */
export type TranslatedEntry =
  | { kind: 'file'; path: string; mode: number; size: number; bytes(): AsyncIterable<Uint8Array> }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'directory'; path: string; mode: number };

export interface TranslatedAddon {
  /** In the order of their paths' code units. */
  entries: TranslatedEntry[];
  /** Units that torcx would have started at boot: those that directories as multi-user.target.wants name. */
  services: string[];
  warnings: readonly ImportWarning[];
}

export interface Translation {
  /** Of the addon. */
  name: string;
  /** Of torcx's image. */
  image: string;
  manifest: ImageManifest;
}

const homes: Readonly<Record<Exclude<AssetKind, 'bin'>, string>> = {
  units: 'usr/lib/systemd/system',
  network: 'usr/lib/systemd/network',
  sysusers: 'usr/lib/sysusers.d',
  tmpfiles: 'usr/lib/tmpfiles.d',
  udev_rules: 'usr/lib/udev/rules.d',
};
const unitName = /^[A-Za-z0-9:_.@\\-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;
/** As many as a SystemAddon has room for. */
const maxServices = 32;

/**
 * Reads the content of every file once: for texts that speak of torcx, and to know that nothing is damaged.
 * @throws StallingError `UnsafeArchive`, `InvalidManifest`, `InvalidArchive`
 */
export async function translateArchive(tree: ArchiveTree, { name, image, manifest }: Translation): Promise<TranslatedAddon> {
  const place = `usr/lib/torcx/${name}`;
  const work = new Translator(tree, { place, places: { image, unpacked: `/${place}`, bin: '/usr/bin' } });
  for (const list of manifest.unknown)
    work.warnings.add({
      path: '/.torcx/manifest.json',
      message: `value.${list} is no list that torcx knew; nothing is done with it`,
    });
  for (const kind of assetKinds)
    if (kind !== 'bin') for (const asset of manifest.assets[kind]) work.move(asset, homes[kind], kind);
  for (const asset of manifest.assets.bin) work.link(asset);
  await work.fill();
  return { entries: work.entries(), services: work.services(), warnings: work.warnings.all() };
}

class Translator {
  readonly warnings = new ImportWarnings();
  readonly #tree: ArchiveTree;
  readonly #place: string;
  readonly #places: Places;
  readonly #out = new Map<string, TranslatedEntry>();
  /** Where files of the archive went to. */
  readonly #moved = new Map<string, string>();
  /** Entries that stand in a home of systemd's or udev's, by their new path. */
  readonly #homed = new Map<string, ArchiveEntry>();

  constructor(tree: ArchiveTree, { place, places }: { place: string; places: Places }) {
    this.#tree = tree;
    this.#place = place;
    this.#places = places;
  }

  /** What an asset names, and what lies directly in it if that is a directory: torcx goes no deeper. */
  move(asset: string, home: string, kind: AssetKind): void {
    const found = this.#find(asset);
    if (!found)
      throw refuse(
        'InvalidManifest',
        `/.torcx/manifest.json: value.${kind} lists ${quoted(`/${asset}`)}, which is not in the archive`,
      );
    const base = `${home}/${lastOf(found)}`;
    const entry = this.#tree.get(found);
    if (entry && entry.kind !== 'directory') return this.#home(entry, base);
    for (const child of this.#tree.below(found)) {
      const rest = child.path.slice(found.length + 1);
      if (rest.includes('/')) continue;
      if (child.kind !== 'directory') this.#home(child, `${base}/${rest}`);
      else
        this.warnings.add({
          path: `/${child.path}`,
          message: `is a directory in a directory of value.${kind}, where torcx did not look; it stays in /${this.#place}`,
        });
    }
  }

  #home(entry: ArchiveEntry, path: string): void {
    const before = this.#homed.get(path);
    if (before?.path === entry.path) return;
    if (before) {
      this.warnings.add({
        path: `/${entry.path}`,
        message: `has the name of /${before.path}, which comes first; it stays in /${this.#place}`,
      });
      return;
    }
    this.#homed.set(path, entry);
    this.#moved.set(entry.path, path);
  }

  /** Programs are linked by their own names, of a directory all that is below it. */
  link(asset: string): void {
    const found = this.#find(asset);
    if (found === undefined) {
      this.warnings.add({
        path: '/.torcx/manifest.json',
        message: `value.bin lists ${quoted(`/${asset}`)}, which is not in the archive; torcx passed over it`,
      });
      return;
    }
    const entry = this.#tree.get(found);
    const programs = entry && entry.kind !== 'directory' ? [entry] : this.#tree.below(found);
    for (const program of programs) {
      if (program.kind === 'directory') continue;
      const path = `usr/bin/${lastOf(program.path)}`;
      const target = linkBetween(path, `${this.#place}/${program.path}`);
      const before = this.#out.get(path);
      if (before?.kind === 'link' && before.target === target) continue;
      if (before)
        this.warnings.add({
          path: `/${program.path}`,
          message: `has the name of another program of value.bin, which comes first; it has no link in /usr/bin`,
        });
      else this.#out.set(path, { kind: 'link', path, target });
    }
  }

  /** Path of an asset in the archive, with links in directories followed, but not at its end. */
  #find(asset: string): string | undefined {
    const slash = asset.lastIndexOf('/');
    const parent = slash === -1 ? '' : this.#tree.resolve(asset.slice(0, slash));
    if (parent === outside || parent.startsWith('/')) return undefined;
    const path = parent === '' ? asset.slice(slash + 1) : `${parent}/${asset.slice(slash + 1)}`;
    return this.#tree.get(path) || this.#tree.below(path).length > 0 ? path : undefined;
  }

  /** Everything of the archive, to its place. */
  async fill(): Promise<void> {
    for (const [path, entry] of this.#homed) {
      if (entry.kind === 'link')
        this.#out.set(path, { kind: 'link', path, target: this.#homedTarget(entry.path, entry.target, path) });
      else if (entry.kind === 'file') this.#out.set(path, await this.#file(entry, path));
    }
    let [foreign, attributed] = [0, 0];
    for (const entry of this.#tree.entries()) {
      if (entry.owner.uid !== 0 || entry.owner.gid !== 0) foreign++;
      if (entry.hasAttributes) attributed++;
      const path = `${this.#place}/${entry.path}`;
      if (entry.kind === 'directory') this.#out.set(path, { kind: 'directory', path, mode: entry.mode & 0o777 });
      else this.#out.set(path, await this.#kept(entry, path));
    }
    if (foreign > 0)
      this.warnings.add({ path: '/', message: `${counted(foreign)} of other owners belong to root (0:0) in the addon` });
    if (attributed > 0)
      this.warnings.add({
        path: '/',
        message: `the extended attributes of ${counted(attributed)} are not kept; file capabilities and labels are such`,
      });
  }

  /** A link is left where something was that stands elsewhere now. */
  async #kept(entry: ArchiveFile | ArchiveLink, path: string): Promise<TranslatedEntry> {
    const to = this.#moved.get(entry.path);
    if (to !== undefined) return { kind: 'link', path, target: linkBetween(path, to) };
    if (entry.kind === 'file') return this.#file(entry, path);
    return { kind: 'link', path, target: this.#target(entry.path, entry.target, path) };
  }

  async #file(entry: ArchiveFile, path: string): Promise<TranslatedEntry> {
    const isUnit =
      path.startsWith('usr/lib/systemd/') || /\.(service|socket|timer|mount|path|target|slice|scope|conf)$/.test(path);
    const { bytes, warnings } = await readText(entry, this.#places, isUnit);
    for (const warning of warnings) this.warnings.add({ path: `/${path}`, ...warning });
    const { mode, size } = entry;
    if (!bytes) return { kind: 'file', path, mode, size, bytes: () => entry.bytes() };
    return { kind: 'file', path, mode, size: bytes.length, bytes: () => once(bytes) };
  }

  /** Of a link of the archive that is now at `path`. */
  #target(from: string, target: string, path: string): string {
    return linkTarget({ from, target, path }, { tree: this.#tree, place: this.#place, image: this.#places.image });
  }

  /** Of a link among units: to where what it names is now. `systemctl enable` writes absolute ones, to units that are in the archive. */
  #homedTarget(from: string, target: string, path: string): string {
    const slash = from.lastIndexOf('/');
    const named = this.#moved.get(target.slice(1));
    if (target.startsWith('/') && named !== undefined) return linkBetween(path, named);
    const checked = this.#target(from, target, path);
    if (target.startsWith('/')) return checked;
    const to = this.#tree.resolve(`${from.slice(0, Math.max(0, slash))}/${target}`);
    const moved = this.#moved.get(to);
    if (moved !== undefined) return linkBetween(path, moved);
    // What is not in the archive is a unit of the host.
    return this.#tree.get(to) ? linkBetween(path, `${this.#place}/${to}`) : target;
  }

  entries(): TranslatedEntry[] {
    return [...this.#out.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  services(): string[] {
    const names = [...this.#homed.keys()].flatMap(path => {
      const [, name = ''] = /^usr\/lib\/systemd\/system\/[^/]+\.(?:wants|requires)\/([^/]+)$/.exec(path) ?? [];
      return unitName.test(name) ? [name] : [];
    });
    const services = [...new Set(names)];
    if (services.length > maxServices)
      this.warnings.add({
        path: '/',
        message: `${services.length} units are started at boot, and an addon has room for ${maxServices}; ${services.slice(maxServices).join(', ')} are not`,
      });
    const units = [...this.#homed.keys()].filter(path => /^usr\/lib\/systemd\/system\/[^/]+\.(service|socket|timer)$/.test(path));
    if (services.length === 0 && units.length > 0)
      this.warnings.add({
        path: '/',
        message: 'no directory as multi-user.target.wants says which units start at boot; name them in spec.services',
      });
    return services.slice(0, maxServices);
  }
}

function counted(count: number): string {
  return `${count} ${count === 1 ? 'file or directory' : 'files and directories'}`;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield bytes;
  return undefined;
}
