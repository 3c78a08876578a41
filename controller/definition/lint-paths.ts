import type { Finding } from './containerfile-parse.ts';

/** Directories that a bootable image should leave alone, with the rule of `bootc container lint` that says so, and why. */
const directories: readonly [path: string, rule: string, why: string][] = [
  ['/usr/etc', 'etc-usretc', 'an image has /etc or /usr/etc, not both'],
  ['/boot', 'nonempty-boot', '/boot belongs to the host'],
  ['/run', 'nonempty-run-tmp', '/run is empty on a host'],
  ['/tmp', 'nonempty-run-tmp', '/tmp is empty on a host'],
  ['/var/log', 'var-log', 'logs begin on the host'],
  ['/var', 'var-tmpfiles', 'a host takes /var only from the first image it boots; make it by tmpfiles.d'],
];

/** What bootc's lint would say of writing to a path. */
export function lintPath(path: string): { rule: string; why: string } | undefined {
  const found = directories.find(([directory]) => path === directory || path.startsWith(`${directory}/`));
  return found && { rule: found[1], why: found[2] };
}

/** Adds what there is to say of the destination of COPY or ADD. */
export function lintDestination(
  path: string,
  { line, keyword }: { line: number; keyword: string },
  review: { lint: Finding[] },
): void {
  const found = lintPath(path);
  if (found) review.lint.push({ line, message: `${found.rule}: ${keyword} writes to ${path}; ${found.why}` });
}
