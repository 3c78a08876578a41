/** Revisions as the API writes them: `main@sha1:<40 hex>`. */

const oidPattern = /^[0-9a-f]{40}$/;

interface Revision {
  /** Branch or tag name as the spec has it; `commit` for a source that names a commit. */
  name: string;
  oid: string;
}

/** `main@sha1:<40 hex>`. A name may hold an @, which would end it, so that one is written as %40. */
export function formatRevision(revision: Revision): string {
  return `${revision.name.replaceAll('%', '%25').replaceAll('@', '%40')}@sha1:${revision.oid}`;
}

/** The parts of a revision string; undefined when it is none. */
export function parseRevision(text: string): Revision | undefined {
  const at = text.lastIndexOf('@sha1:');
  if (at <= 0) return undefined;
  const oid = text.slice(at + '@sha1:'.length);
  return isOid(oid) ? { name: text.slice(0, at).replaceAll('%40', '@').replaceAll('%25', '%'), oid } : undefined;
}

/** The commit of a revision; undefined where there is none. */
export function commitOf(revision: string | undefined): string | undefined {
  return revision === undefined ? undefined : parseRevision(revision)?.oid;
}

function isOid(text: string): boolean {
  return oidPattern.test(text);
}
