/** Databases of rpm, as rpm itself would write them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Rpm {
  name: string;
  version: string;
  release: string;
  epoch?: number;
  arch: string;
  /** To make its header need pages of its own. */
  padding?: number;
}

/** A header as rpm writes it: lengths, index, data. */
function header({ name, version, release, epoch, arch, padding = 0 }: Rpm): Buffer {
  const strings: [number, string][] = [
    [1000, name],
    [1001, version],
    [1002, release],
    [1022, arch],
    [1005, 'x'.repeat(padding)],
  ];
  const data: Buffer[] = [];
  const index: Buffer[] = [];
  let offset = 0;
  const add = (tag: number, type: number, bytes: Buffer): void => {
    const entry = Buffer.alloc(16);
    [tag, type, offset, 1].forEach((value, i) => entry.writeUInt32BE(value, 4 * i));
    index.push(entry);
    data.push(bytes);
    offset += bytes.length;
  };
  if (epoch !== undefined) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(epoch);
    add(1003, 4, bytes);
  }
  for (const [tag, text] of strings) add(tag, 6, Buffer.from(`${text}\0`));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(index.length, 0);
  lengths.writeUInt32BE(offset, 4);
  return Buffer.concat([lengths, ...index, ...data]);
}

/** The database as SQLite itself writes it, with rpm's own schema. */
export function rpmdb(packages: readonly Rpm[], pageSize = 4096, more: (db: DatabaseSync) => void = () => undefined): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'scantling-rpmdb-'));
  try {
    const file = join(directory, 'rpmdb.sqlite');
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA page_size = ${pageSize}`);
    db.exec("CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)");
    db.exec("CREATE TABLE 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)");
    const insert = db.prepare("INSERT INTO 'Packages' (blob) VALUES (?)");
    db.exec('BEGIN');
    for (const each of packages) insert.run(header(each));
    db.exec('COMMIT');
    more(db);
    db.close();
    return readFileSync(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
