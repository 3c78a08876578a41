import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Go's own installer and its images put it; a login shell has it on the PATH, a job of a CI or of cron often has not. */
const usual = '/usr/local/go/bin/go';

/** The `go` of the PATH, else the one at the usual place. */
export function goCommand() {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).some(directory => existsSync(join(directory, 'go')));
  return !onPath && existsSync(usual) ? usual : 'go';
}
