/** Runs of the scripts on a host that are watched at each command that they run, or killed before one with all that they started. */
import type { BootedHost } from './booted-host.ts';

export type Verb = 'boot' | 'seal' | 'live';

export interface Step {
  /** The command that comes next, with its arguments. */
  command: string;
  /** Where the links that systemd-sysext follows lead, sorted: what a kill would leave. */
  links: string[];
}

const commands =
  'cat chmod cut date flock head ln ls mkdir mount mv nproc readlink rm sha256sum stat sync systemctl systemd-sysext tail tr uname unshare wc';

/** Where each link of systemd-sysext's directory leads that leads somewhere. */
const lookAtLinks =
  'for l in /run/extensions/*.raw; do if [ -e "$l" ]; then printf "%s " "$(/usr/bin/readlink -f "$l")"; fi; done';

const wrapper = `#!/bin/sh
echo >>/run/steps/count
if [ "$(/usr/bin/wc -l </run/steps/count)" -ge "$(/usr/bin/cat /run/steps/last)" ]; then
  : >/run/steps/killed
  kill -KILL "-$(/usr/bin/cat /run/steps/group)"
fi
if [ -e /run/steps/watched ]; then
  printf '%s\\t%s\\n' "\${0##*/} $(printf '%s ' "$*" | /usr/bin/tr '\\n\\t' '  ')" "$(${lookAtLinks})" >>/run/steps/watched
fi
exec "/usr/bin/\${0##*/}" "$@"
`;

/** Puts a wrapper before each command that the scripts run. */
export function prepareSteps(host: BootedHost): void {
  host.say('mkdir', '-p', '/run/steps/bin');
  host.say('sh', '-c', `printf '%s' "$1" >/run/steps/wrapper; chmod 755 /run/steps/wrapper`, 'sh', wrapper);
  host.say('sh', '-c', 'for c in $1; do ln -sf ../wrapper "/run/steps/bin/$c"; done', 'sh', commands);
}

function runSteps(host: BootedHost, verb: Verb, last: number): boolean {
  host.say('sh', '-c', `rm -f /run/steps/killed; : >/run/steps/count; echo ${last} >/run/steps/last`);
  const start = `echo $$ >/run/steps/group; PATH=/run/steps/bin:$PATH; export PATH; exec /usr/libexec/scantling/scantling-addons ${verb}`;
  const { code, stderr } = host.run('setsid', '--wait', 'sh', '-c', start);
  const isKilled = host.read('run/steps/killed') !== undefined;
  if (!isKilled && code !== 0) throw new Error(`scantling-addons ${verb} ended with ${code}: ${stderr}`);
  return isKilled;
}

/** Runs `scantling-addons VERB` and kills it before its Nth command; false when it came to its end before. */
export function runKilled(host: BootedHost, verb: Verb, n: number): boolean {
  return runSteps(host, verb, n);
}

/** Runs `scantling-addons VERB` to its end and says what each of its commands found. */
export function runWatched(host: BootedHost, verb: Verb): Step[] {
  host.say('sh', '-c', ': >/run/steps/watched');
  runSteps(host, verb, 100_000);
  const lines = (host.read('run/steps/watched') ?? '').split('\n').filter(Boolean);
  host.say('rm', '/run/steps/watched');
  return lines.map(line => {
    const [command = '', links = ''] = line.split('\t');
    return { command: command.trim(), links: links.split(' ').filter(Boolean).toSorted() };
  });
}

/** The steps (from 1) at which a kill tells most: at what is linked or written for good, and a few others. */
export function tellingSteps(steps: readonly Step[]): number[] {
  const telling = /^(mv|ln -s g\d|rm -f) .*(current|key|extensions|seal)/;
  return steps.flatMap(({ command }, i) => (telling.test(command) || i % 15 === 0 ? [i + 1] : []));
}
