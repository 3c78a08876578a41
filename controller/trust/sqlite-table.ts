/**
 * Reads one table of an SQLite database that is in memory (sqlite.org/fileformat2.html): no more of it than the database of rpm needs. SQLite itself would
 * run what a hostile image may have put into the schema (views, generated columns), in this process and without a way to end it.
 */

/** The file is damaged, or none. */
export class SQLiteError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SQLiteError';
  }
}

export type Value = null | number | string | Buffer;

const magic = 'SQLite format 3\0';
const tableInterior = 5;
const tableLeaf = 13;
const maxDepth = 20;
const maxPayload = 16 * 1024 * 1024;
/** Of the schema: rpm's has some forty tables and indexes. Nobody has a turn while it is read. */
const maxSchemaRows = 1000;
const maxSchemaPayload = 64 * 1024;

/** @throws SQLiteError; also when there is no such table, or it is none that rows are stored in */
export function* rowsOf(file: Buffer, table: string): Generator<Value[], undefined> {
  const database = databaseOf(file);
  let entries = 0;
  for (const [type, name, , root] of walk(database, { root: 1, most: maxSchemaPayload })) {
    if (++entries > maxSchemaRows) break;
    if (type !== 'table' || name !== table || typeof root !== 'number' || root < 2) continue;
    yield* walk(database, { root, most: maxPayload });
    return undefined;
  }
  throw new SQLiteError(`there is no table ${table}`);
}

interface Database {
  file: Buffer;
  pageSize: number;
  /** Bytes of a page that are used. */
  usable: number;
  /** Pages that were read as part of a tree: each belongs to one place. */
  seen: Set<number>;
}

function databaseOf(file: Buffer): Database {
  if (file.length < 512 || file.toString('latin1', 0, 16) !== magic) throw new SQLiteError('it is no database of SQLite 3');
  const size = file.readUInt16BE(16);
  const pageSize = size === 1 ? 65536 : size;
  const usable = pageSize - (file[20] ?? 0);
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0 || usable < 480) throw new SQLiteError('its size of pages is none');
  return { file, pageSize, usable, seen: new Set() };
}

function pageOf({ file, pageSize, seen }: Database, number: number): Buffer {
  const page = file.subarray((number - 1) * pageSize, number * pageSize);
  if (number < 1 || page.length !== pageSize || seen.has(number))
    throw new SQLiteError(`page ${number} is not where it should be`);
  seen.add(number);
  return page;
}

interface Tree {
  /** Its page. */
  root: number;
  /** Bytes of a row. */
  most: number;
}

/** The rows of a tree, in order. */
function* walk(database: Database, { root, most }: Tree, depth = 0): Generator<Value[], undefined> {
  if (depth > maxDepth) throw new SQLiteError('a tree is too deep');
  const page = pageOf(database, root);
  // The first page begins with the header of the file.
  const at = root === 1 ? 100 : 0;
  const kind = page[at];
  if (kind !== tableInterior && kind !== tableLeaf) throw new SQLiteError(`page ${root} is of no table`);
  const cells = page.readUInt16BE(at + 3);
  const pointers = at + (kind === tableInterior ? 12 : 8);
  if (pointers + 2 * cells > page.length) throw new SQLiteError(`page ${root} is damaged`);
  // Cells do not overlap: however many name the same bytes, no more is read than the file has.
  let left = page.length;
  for (let i = 0; i < cells; i++) {
    const cell = page.readUInt16BE(pointers + 2 * i);
    if (kind === tableInterior) {
      yield* walk(database, { root: numberAt(page, cell), most }, depth + 1);
      continue;
    }
    const place = placeOf(database, page, cell);
    left -= place.start + place.local - cell;
    if (left < 0) throw new SQLiteError(`page ${root} is damaged`);
    if (place.length > most) throw new SQLiteError('a row is too large');
    yield recordOf(payloadAt(database, page, place));
  }
  if (kind === tableInterior) yield* walk(database, { root: numberAt(page, at + 8), most }, depth + 1);
  return undefined;
}

/** Where a row is: its length, and what of it is on its page. The rest is on pages of its own. */
interface Place {
  length: number;
  start: number;
  local: number;
}

function placeOf({ usable }: Database, page: Buffer, cell: number): Place {
  const [length, behindLength] = varint(page, cell);
  const [, start] = varint(page, behindLength);
  const most = usable - 35;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const spread = least + ((length - least) % (usable - 4));
  const local = length <= most ? length : spread <= most ? spread : least;
  if (start + local > page.length) throw new SQLiteError('a row is cut off');
  return { length, start, local };
}

function payloadAt(database: Database, page: Buffer, { length, start, local }: Place): Buffer {
  if (local === length) return page.subarray(start, start + local);
  const pieces = [page.subarray(start, start + local)];
  let next = numberAt(page, start + local);
  for (let left = length - local; left > 0;) {
    const more = pageOf(database, next);
    const piece = more.subarray(4, 4 + Math.min(left, database.usable - 4));
    pieces.push(piece);
    left -= piece.length;
    next = more.readUInt32BE(0);
  }
  return Buffer.concat(pieces);
}

function recordOf(payload: Buffer): Value[] {
  const [headerSize, first] = varint(payload, 0);
  if (headerSize > payload.length) throw new SQLiteError('a row is damaged');
  const values: Value[] = [];
  let body = headerSize;
  for (let at = first; at < headerSize;) {
    const [type, next] = varint(payload, at);
    const size = sizeOf(type);
    if (body + size > payload.length) throw new SQLiteError('a row is damaged');
    values.push(valueOf(type, payload.subarray(body, body + size)));
    body += size;
    at = next;
  }
  return values;
}

const sizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

function sizeOf(type: number): number {
  return type < 10 ? (sizes[type] ?? 0) : Math.floor((type - 12) / 2);
}

function valueOf(type: number, bytes: Buffer): Value {
  if (type >= 12) return type % 2 === 0 ? bytes : bytes.toString('utf8');
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) return Number(bytes.readBigInt64BE(0));
  if (type >= 1 && type <= 5) return bytes.readIntBE(0, bytes.length);
  throw new SQLiteError('a row has a value of no known type');
}

/** Up to nine bytes, seven bits each; and where the next thing begins. */
function varint(bytes: Buffer, at: number): [number, number] {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new SQLiteError('a number is cut off');
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + i + 1];
  }
  // Only the row's own number, which nobody asks for, can be so large or negative.
  return [Number.MAX_SAFE_INTEGER, at + 9];
}

function numberAt(page: Buffer, at: number): number {
  if (at + 4 > page.length) throw new SQLiteError('a page is cut off');
  return page.readUInt32BE(at);
}
