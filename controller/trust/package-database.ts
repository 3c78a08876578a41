/**
 * Finds what is installed in an image in the image itself: the database of its package manager, wherever its layers have it. Layers are read as they
 * come, the uppermost first, and no further down than needed; nothing is unpacked. Of a file only its packages are kept, and of all together no more than
 * the limits say: whoever makes an image may write into it what he likes, and the controller reads it.
 */
import { isRemoved, kindOf, removedBy } from './database-places.ts';
import type { Kind } from './database-places.ts';
import { isReadable, layerStream } from './layer-stream.ts';
import type { Layer } from './layer-stream.ts';
import { ownText } from './own-text.ts';
import { apkPackages, distributionOf, dpkgPackages } from './package-lists.ts';
import type { Distribution, Package } from './package-lists.ts';
import { rpmPackages } from './rpm-packages.ts';
import { SQLiteError } from './sqlite-table.ts';
import { TarError, tarMembers } from './tar-members.ts';
import type { TarMember } from './tar-members.ts';

export interface InstalledPackages {
  /** Sorted by type, name, version. */
  packages: Package[];
  distribution?: Distribution;
  /** In words: what was found and not read, or not found. */
  notes: string[];
}

/** Of one image. What is beyond is a note. */
export interface PackageLimits {
  /** Of all layers together, decompressed. */
  totalBytes: number;
  /** Of rpm's databases together; one is in memory while it is read. */
  databaseBytes: number;
  /** Of the files of dpkg, apk and os-release together. */
  textBytes: number;
  /** Files that belong to a database, and removals of such. */
  files: number;
  packages: number;
  /** Letters of what is kept of packages. */
  letters: number;
}

export const packageLimits: PackageLimits = {
  totalBytes: 16 * 1024 ** 3,
  databaseBytes: 128 * 1024 ** 2,
  textBytes: 32 * 1024 ** 2,
  files: 20_000,
  packages: 20_000,
  letters: 2 * 1024 ** 2,
};

/** os-release is a page of text. */
const maxReleaseBytes = 64 * 1024;

/**
 * `layers` from the lowest to the uppermost. What is wrong with an image is a note and no error: it can be built on all the same.
 * @throws what reading a layer throws
 */
export async function readPackages(
  layers: readonly Layer[],
  open: (layer: Layer) => AsyncIterable<Uint8Array>,
  limits: PackageLimits = packageLimits,
): Promise<InstalledPackages> {
  const search = new Search(open, limits);
  for (const layer of layers.toReversed()) {
    await search.layer(layer);
    if (search.isDone) break;
  }
  return search.result();
}

/** A file of an image as the uppermost layer has it, and what it says. */
interface Found {
  kind: Kind;
  packages?: Package[];
  distribution?: Distribution;
  /** Why nothing was read of it. */
  why?: string;
}

class Search {
  readonly #open: (layer: Layer) => AsyncIterable<Uint8Array>;
  readonly #limits: PackageLimits;
  /** What may be read and kept still. What is read is never given back, also where a later file takes its place. */
  readonly #left: PackageLimits;
  readonly #found = new Map<string, Found>();
  /** Paths that a layer above has removed. */
  readonly #removed = new Set<string>();
  readonly #notes = new Set<string>();

  constructor(open: (layer: Layer) => AsyncIterable<Uint8Array>, limits: PackageLimits) {
    this.#open = open;
    this.#limits = limits;
    this.#left = { ...limits };
  }

  /** A database, and what it is a database of; or there is more than can be listed. */
  get isDone(): boolean {
    if (this.#left.files < 0) return true;
    const kinds = new Set([...this.#found.values()].map(({ kind }) => kind));
    return kinds.has('release') && (kinds.has('dpkg') || kinds.has('apk') || kinds.has('rpm'));
  }

  async layer(layer: Layer): Promise<void> {
    if (!isReadable(layer)) return this.#note(`layer ${layer.digest} is of type ${layer.mediaType}, which is not read`);
    if (this.#left.totalBytes <= 0)
      return this.#note(`layer ${layer.digest} was not looked at, there was more than enough above it`);
    const here = new Map<string, Found>();
    /** Other names of files, by what they are called there. */
    const links = new Map<string, string[]>();
    const removed = new Set<string>();
    try {
      for await (const member of this.#members(layer)) {
        const gone = removedBy(member.path);
        if (gone === undefined) await this.#member(member, here, links);
        else if (this.#counts()) removed.add(ownText(gone));
      }
      // What is linked comes before its link, and so is found by a second look alone.
      if (links.size > 0) {
        for await (const member of this.#members(layer)) {
          const paths = member.type === '0' ? (links.get(member.path) ?? []) : [];
          const [first] = paths;
          if (first === undefined) continue;
          // All names of one file are of one kind, or it is no database.
          const found = await this.#read(kindOf(first) ?? 'unreadable', member);
          for (const path of paths) here.set(path, kindOf(path) === found.kind ? found : { kind: 'unreadable' });
        }
      }
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      this.#note(`layer ${layer.digest} was not read to its end: ${error.message}`);
    }
    for (const [path, found] of here) this.#found.set(path, found);
    for (const path of removed) this.#removed.add(path);
  }

  result(): InstalledPackages {
    const packages = new Map<string, Package>();
    for (const [path, found] of this.#found)
      for (const each of this.#packagesOf(path, found)) packages.set(JSON.stringify(each), each);
    const releases = [...this.#found].filter(([, { kind }]) => kind === 'release').toSorted(([a], [b]) => (a < b ? 1 : -1));
    const distribution = releases.map(([, found]) => found.distribution).find(Boolean);
    if (packages.size === 0 && this.#notes.size === 0) this.#note('no database of a known package manager is in the image');
    return {
      packages: [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each),
      ...(distribution ? { distribution } : {}),
      notes: [...this.#notes],
    };
  }

  #packagesOf(path: string, { kind, packages = [], why }: Found): Package[] {
    if (kind === 'unreadable') {
      const has = [...this.#found.values()].some(found => found.kind === 'rpm' && found.why === undefined);
      if (!has) this.#note(`/${path} is a database of rpm in a format (bdb or ndb) that is not read`);
    }
    if (why !== undefined) this.#note(`/${path} was not read: ${why}`);
    return packages;
  }

  async #member(member: TarMember, here: Map<string, Found>, links: Map<string, string[]>): Promise<void> {
    const { type } = member;
    const kind = kindOf(member.path);
    // A symbolic link leads to one of the other places, or to none that counts.
    if (kind === undefined || (type !== '0' && type !== '7' && type !== '1')) return;
    if (this.#found.has(member.path) || isRemoved(this.#removed, member.path) || !this.#counts()) return;
    const path = ownText(member.path);
    if (type !== '1') return void here.set(path, await this.#read(kind, member));
    const names = links.get(member.link);
    if (names) names.push(path);
    else links.set(ownText(member.link), [path]);
  }

  async #read(kind: Kind, member: TarMember): Promise<Found> {
    if (kind === 'unreadable') return { kind };
    const why = this.#tooLarge(kind, member);
    if (why !== undefined) return { kind, why };
    this.#left[kind === 'rpm' ? 'databaseBytes' : 'textBytes'] -= member.size;
    const bytes = Buffer.allocUnsafeSlow(member.size);
    let length = 0;
    for await (const piece of member.bytes()) {
      bytes.set(piece, length);
      length += piece.length;
    }
    // Where the archive ends before them, the rest is what was in memory before.
    const read = bytes.subarray(0, length);
    if (kind !== 'release') return this.#packages(kind, read);
    const distribution = distributionOf(read.toString('utf8'));
    return { kind, ...(distribution ? { distribution } : {}) };
  }

  #tooLarge(kind: Kind, { size }: TarMember): string | undefined {
    if (kind === 'release' && size > maxReleaseBytes) return `it is larger than ${maxReleaseBytes} bytes`;
    const of = kind === 'rpm' ? 'databaseBytes' : 'textBytes';
    if (size > this.#limits[of]) return `it is larger than ${this.#limits[of]} bytes`;
    return size > this.#left[of] ? `with what was read before it, it is more than ${this.#limits[of]} bytes` : undefined;
  }

  async #packages(kind: Exclude<Kind, 'release' | 'unreadable'>, bytes: Buffer): Promise<Found> {
    const read = { dpkg: dpkgPackages, apk: apkPackages, rpm: rpmPackages }[kind];
    try {
      // One more, to know that there are more.
      return { kind, packages: this.#kept(await read(bytes, this.#left.packages + 1)) };
    } catch (error) {
      if (!(error instanceof SQLiteError)) throw error;
      return { kind, why: error.message };
    }
  }

  #kept(packages: readonly Package[]): Package[] {
    const kept: Package[] = [];
    for (const each of packages) {
      const letters = each.name.length + each.version.length + (each.architecture?.length ?? 0);
      if (this.#left.packages < 1 || this.#left.letters < letters) {
        this.#note(`there are more packages than are listed, which are ${this.#limits.packages} at most`);
        break;
      }
      this.#left.packages--;
      this.#left.letters -= letters;
      kept.push(each);
    }
    return kept;
  }

  /** Whether another file is looked at. When one is not, it is not known what is in layers below either. */
  #counts(): boolean {
    this.#left.files--;
    if (this.#left.files < 0)
      this.#note(`more than ${this.#limits.files} files are of databases of packages; only these were looked at`);
    return this.#left.files >= 0;
  }

  async *#members(layer: Layer): AsyncGenerator<TarMember, undefined> {
    const left = Math.max(0, this.#left.totalBytes);
    const counted = count(layerStream(layer, this.#open(layer), left), bytes => (this.#left.totalBytes -= bytes));
    yield* tarMembers(counted);
    return undefined;
  }

  #note(text: string): void {
    if (this.#notes.size < 16) this.#notes.add(text.slice(0, 512));
  }
}

async function* count(source: AsyncIterable<Uint8Array>, told: (bytes: number) => void): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of source) {
    told(chunk.length);
    yield chunk;
  }
  return undefined;
}
