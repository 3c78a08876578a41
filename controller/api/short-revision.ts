/** A revision as one can read it in a message, `main@sha1:<12 hex>`; the whole is in the fields. What is no revision stays as it is. */
export function shortRevision(revision: string): string {
  return revision.replace(/(@sha1:[0-9a-f]{12})[0-9a-f]{28}$/, '$1');
}
