/** What the patterns of our schemas mean, in words. The patterns are those of crds/; one that is not here is shown as it is. */
const words: Readonly<Record<string, string>> = {
  '^([0-9]+(ms|s|m|h))+$': 'a duration, as 90s or 1h30m',
  '^[!-~]+$': 'one argument without spaces; give each an entry of its own',
  '^/.*[^/]$': 'an absolute path without a slash at its end',
  '^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$':
    'the name of a unit with its type, as sshd.service',
  '^0?[0-7]{3,4}$': 'an octal mode, as "0644"',
  '^[a-z_][a-z0-9_-]*$': 'a name of lower-case letters, digits, "-" and "_"',
  '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$': 'a name of lower-case letters, digits and "-"',
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$': 'a name of lower-case letters, digits, "-" and "."',
  '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$':
    'an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
};

/** Why a text is refused that does not match, such as `"hello" is not the name of a unit with its type, as sshd.service`. */
export function mismatch(quoted: string, pattern: string): string {
  const wanted = words[pattern];
  return wanted === undefined ? `${quoted} does not match ${pattern}` : `${quoted} is not ${wanted}`;
}

/** All patterns that there are words for. */
export const knownPatterns: readonly string[] = Object.keys(words);
