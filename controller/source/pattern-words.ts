/**
 * What a text must be that a schema checks by a bare pattern. Patterns stand in crds/ as rules with words of their own, which are said here
 * and by the API server; these few are bare there, because rules on fields of which there may be so many cost more than the API server allows, and
 * because a rule is given a time as a time and not as it is written.
 */
export const wordsOf: Readonly<Record<string, string>> = {
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$':
    'must be a time, as 2027-01-31T12:00:00Z',
  '^[ -~]+$': 'must be one line of ASCII, as ssh-ed25519 AAAA... me@example.com',
  '^[A-Za-z_][A-Za-z0-9_]*$': 'must hold only letters, digits and "_", and not begin with a digit, as DATABASE_URL',
  '^/[^\\s:,%]*$': 'must be an absolute path without spaces, ":", "," and "%", as /var/lib/office',
  '^/[^\\s:,%]+$': 'must be an absolute path without spaces, ":", "," and "%", as /etc/office/password',
};
