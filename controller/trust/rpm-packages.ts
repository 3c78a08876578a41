/** What rpm's database says is installed, where it is SQLite: pure, but that it lets others have their turn. */
import { setImmediate } from 'node:timers/promises';
import { packageOf } from './package-lists.ts';
import type { Package } from './package-lists.ts';
import { SQLiteError, rowsOf } from './sqlite-table.ts';

/** Between two turns of others. */
const bytesAtOnce = 2 * 1024 * 1024;
const rowsAtOnce = 100;
/** Packages and what is none: keys, and rows that say nothing. */
const maxRows = 200_000;

/**
 * A header of each package is in a row of the table Packages. At most so many packages are given.
 * @throws SQLiteError when it cannot be read
 */
export async function rpmPackages(database: Buffer, most: number): Promise<Package[]> {
  try {
    return await packagesIn(database, most);
  } catch (error) {
    // A number that leads out of the file.
    if (error instanceof RangeError) throw new SQLiteError('it is damaged');
    throw error;
  }
}

async function packagesIn(database: Buffer, most: number): Promise<Package[]> {
  const found: Package[] = [];
  let rows = 0;
  let turn = { rows: 0, bytes: 0 };
  for (const row of rowsOf(database, 'Packages')) {
    if (++rows > maxRows) throw new SQLiteError(`it has more than ${maxRows} rows`);
    if (found.length >= most) break;
    const header = row.find(value => Buffer.isBuffer(value));
    if (header) {
      const made = packageIn(header);
      // Keys that packages are checked with are kept as packages.
      if (made && made.name !== 'gpg-pubkey') found.push(made);
    }
    turn = { rows: turn.rows + 1, bytes: turn.bytes + (header?.length ?? 0) };
    if (turn.rows < rowsAtOnce && turn.bytes < bytesAtOnce) continue;
    await setImmediate();
    turn = { rows: 0, bytes: 0 };
  }
  return found;
}

const tags = { name: 1000, version: 1001, release: 1002, epoch: 1003, architecture: 1022 } as const;
const wanted: ReadonlySet<number> = new Set(Object.values(tags));
const types = { int32: 4, string: 6, translated: 9 } as const;
const maxEntries = 65_536;
/** Of a value; what is longer is cut. */
const maxTextBytes = 1024;

/** A header as rpm stores it: the counts of its index and of its data, the index (tag, type, offset, count), the data. Numbers are big-endian. */
function packageIn(header: Buffer): Package | undefined {
  if (header.length < 8) throw new SQLiteError('the header of a package is cut off');
  const [entries, length] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const start = 8 + 16 * entries;
  if (entries > maxEntries || start + length > header.length) throw new SQLiteError('the header of a package is cut off');
  const data = header.subarray(start, start + length);
  const found = new Map<number, string>();
  for (let at = 8; at < start; at += 16) {
    const [tag, type, offset] = [header.readUInt32BE(at), header.readUInt32BE(at + 4), header.readUInt32BE(at + 8)];
    // Each may point to the same, as often as it likes.
    if (!wanted.has(tag) || found.has(tag) || offset >= data.length) continue;
    if (type === types.string || type === types.translated) found.set(tag, textAt(data, offset));
    else if (type === types.int32 && offset + 4 <= data.length) found.set(tag, String(data.readUInt32BE(offset)));
  }
  const [name, version, release] = [found.get(tags.name), found.get(tags.version), found.get(tags.release)];
  const whole = version !== undefined && release !== undefined ? `${version}-${release}` : version;
  const made = packageOf('rpm', { name, version: whole, arch: found.get(tags.architecture) });
  const epoch = found.get(tags.epoch);
  return made && epoch !== undefined && epoch !== '0' ? { ...made, epoch } : made;
}

function textAt(data: Buffer, offset: number): string {
  const text = data.subarray(offset, offset + maxTextBytes);
  const end = text.indexOf(0);
  return text.toString('utf8', 0, end === -1 ? text.length : end);
}
