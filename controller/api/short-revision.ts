/** A revision as one can read it in a message, `main@sha1:<12 hex>`; the whole is in the fields. What is no revision stays as it is. */
export function shortRevision(revision: string): string {
  return revision.replace(/(@sha1:[0-9a-f]{12})[0-9a-f]{28}$/, '$1');
}

/** The commit of a revision, by its first 12 digits; undefined where there is none. */
export function shortCommit(revision: string | undefined): string | undefined {
  return revision === undefined ? undefined : /@sha1:([0-9a-f]{12})[0-9a-f]{28}$/.exec(revision)?.[1];
}
