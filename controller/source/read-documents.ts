/** Reads what a revision declares: the documents under the path, decoded, and what each reads from the repository. */
import { createBreather } from './breather.ts';
import { type Failure, type SourceDocument, decodeFile } from './document.ts';
import type { FieldLines } from './field-lines.ts';
import { inputsDigest } from './inputs.ts';
import { keyOf } from './prune.ts';
import { type SourceTree, type TreeEntry, isLfsPointer } from './repository-tree.ts';

/** A document that may be applied. */
export interface Declared {
  document: SourceDocument;
  /** Digest of the document and its inputs. */
  digest: string;
  /** Its file, for the line of what the API server refuses. */
  bytes: Uint8Array;
}

export interface Reading {
  pathExists: boolean;
  declared: Declared[];
  failures: Failure[];
  /** Documents of our kinds that were found, good or bad. */
  found: number;
  /** YAML files without a document of our kinds that no document reads either; what a refused one reads is not known. */
  ignored: string[];
}

export interface ReadingOptions {
  /** spec.path. */
  path: string;
  /** Files that objects of this source came from. */
  known: ReadonlySet<string>;
  /** Tells repositories apart in the digests. */
  origin: string;
  lines: FieldLines;
}

/** Throws what the tree throws for the commit as a whole; what is wrong with one document is a failure in the result. */
export async function readDocuments(tree: SourceTree, o: ReadingOptions): Promise<Reading> {
  const top = await tree.entry(o.path);
  if (top?.mode !== 'directory') return { pathExists: false, declared: [], failures: [], found: 0, ignored: [] };
  const reading: Reading = { pathExists: true, declared: [], failures: [], found: 0, ignored: [] };
  const ignored = new Set<string>();
  const breathe = createBreather();
  const decoded: { document: SourceDocument; bytes: Uint8Array }[] = [];
  const files = await documentFiles(tree, top.path);
  const contents = await tree.readRaw(files);
  for (const file of files) {
    await breathe();
    const bytes = contents.get(file.oid) ?? new Uint8Array();
    const { documents, failures, refused } = decodeOne(file.path, bytes, o.known.has(file.path));
    decoded.push(...documents.map(document => ({ document, bytes })));
    reading.failures.push(...failures);
    reading.found += documents.length + refused;
    if (documents.length + refused === 0) ignored.add(file.path);
  }
  for (const one of withoutTwins(decoded, reading.failures)) {
    await breathe();
    const read = await inputsDigest(one.document, tree, o.origin);
    if ('digest' in read) {
      reading.declared.push({ ...one, digest: read.digest });
      for (const path of read.paths) ignored.delete(path);
    } else reading.failures.push(...read.problems.map(p => failureAt(o.lines, one, p.field, p.message)));
  }
  return { ...reading, ignored: [...ignored] };
}

/** A failure of a document at the line of a field. */
export function failureAt(
  lines: FieldLines,
  { document, bytes }: { document: SourceDocument; bytes: Uint8Array },
  field: string,
  message: string,
): Failure {
  const line = lines.lineOf(bytes, document.index, field) ?? document.line;
  return { file: document.file, line, message: field === '' ? message : `${field}: ${message}` };
}

/** YAML files at any depth; hidden directories and files belong to tools, and a submodule matters only to a document that names it. */
async function documentFiles(tree: SourceTree, directory: string): Promise<TreeEntry[]> {
  const list = await tree.list(
    directory,
    ({ path, mode }) => mode === 'submodule' || path.slice(path.lastIndexOf('/') + 1).startsWith('.'),
  );
  return list.filter(({ path, mode }) => mode !== 'symlink' && /\.ya?ml$/.test(path));
}

function decodeOne(file: string, bytes: Uint8Array, known: boolean): ReturnType<typeof decodeFile> {
  if (!known || !isLfsPointer(bytes)) return decodeFile(file, bytes, known);
  return { documents: [], failures: [{ file, message: 'is a Git LFS pointer, which is not supported' }], refused: 1 };
}

/** Documents that declare the same object say different things of it; which one is meant cannot be known, so both are refused. */
function withoutTwins<T extends { document: SourceDocument }>(all: readonly T[], failures: Failure[]): T[] {
  const places = new Map<string, SourceDocument[]>();
  for (const { document } of all) {
    const same = places.get(keyOf(document));
    if (same) same.push(document);
    else places.set(keyOf(document), [document]);
  }
  return all.filter(({ document }) => {
    const other = places.get(keyOf(document))?.find(d => d !== document);
    if (!other) return true;
    const message = `${keyOf(document)} is declared again in ${other.file}:${other.line}`;
    failures.push({ file: document.file, line: document.line, message });
    return false;
  });
}
