/** Values of a container that podman, its generator or systemd would refuse or change. Pure. */
import { parseDuration } from '../api/duration.ts';
import type {
  SystemDefinitionSpecWorkloadContainer,
  SystemDefinitionSpecWorkloadContainerHealthCheck,
} from '../api/system-definition.ts';
import type { Problems } from './problems.ts';
import { refuseValue } from './quadlet.ts';

/**
 * Bytes of command, arguments, environment and health check together. They become one line of a unit file, where an escaped byte is up to
 * four, and systemd reads lines of at most 1 MiB (systemd.syntax(7)).
 */
const mostBytes = 200 * 1024;
/** Linux takes no word longer than 128 KiB (MAX_ARG_STRLEN, execve(2)); lists are one word, as JSON. */
const mostWordBytes = 120 * 1024;
const dayMs = 24 * 3_600_000;

/** Reports what cannot be handed to the container as it is written. */
export function checkContainerValues(container: SystemDefinitionSpecWorkloadContainer, at: string, problems: Problems): void {
  const { command = [], args = [], env = [], healthCheck } = container;
  const values: [field: string, value: string][] = [
    ...command.map((value, i): [string, string] => [`${at}.command[${i}]`, value]),
    ...args.map((value, i): [string, string] => [`${at}.args[${i}]`, value]),
    ...env.map(({ value }, i): [string, string] => [`${at}.env[${i}].value`, value]),
    ...(healthCheck?.command ?? []).map((value, i): [string, string] => [`${at}.healthCheck.command[${i}]`, value]),
  ];
  for (const [field, value] of values) {
    const wrong = refuseValue(value);
    if (wrong) problems.add(field, wrong);
  }
  const bytes = values.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0);
  if (bytes > mostBytes) {
    problems.add(
      at,
      `command, args, env and healthCheck.command hold ${bytes} bytes, more than ${mostBytes}; put them into a file`,
    );
  }
  if (command[0] === '') problems.add(`${at}.command[0]`, 'names no program');
  checkWord(JSON.stringify(command), `${at}.command`, problems);
  env.forEach(({ name, value }, i) => checkWord(`${name}=${value}`, `${at}.env[${i}].value`, problems));
  if (healthCheck) checkHealth(healthCheck, container.restart, `${at}.healthCheck`, problems);
}

function checkWord(word: string, field: string, problems: Problems): void {
  const bytes = Buffer.byteLength(word);
  if (bytes > mostWordBytes)
    problems.add(field, `makes a word of ${bytes} bytes, more than ${mostWordBytes}; put it into a file`);
}

function checkHealth(
  check: SystemDefinitionSpecWorkloadContainerHealthCheck,
  restart: SystemDefinitionSpecWorkloadContainer['restart'],
  field: string,
  problems: Problems,
): void {
  checkWord(JSON.stringify(check.command), `${field}.command`, problems);
  const wrong = refuseProgram(check.command);
  if (wrong) problems.add(`${field}.command[0]`, wrong);
  for (const [key, leastMs] of [
    ['interval', 1_000],
    ['timeout', 1_000],
    ['startPeriod', 0],
  ] as const) {
    const ms = parseDuration(check[key]);
    if (ms < leastMs || ms > dayMs) problems.add(`${field}.${key}`, `${check[key]} is not between ${leastMs / 1_000}s and 24h`);
  }
  if (check.onFailure === 'Stop' && restart !== 'Never') {
    problems.add(`${field}.onFailure`, `Stop needs restart: Never, because restart: ${restart} starts the container again`);
  }
  if (check.onFailure === 'Restart' && restart === 'Never') {
    problems.add(
      `${field}.onFailure`,
      'Restart needs restart: Always or OnFailure, because restart: Never leaves the container stopped',
    );
  }
}

/** podman has words of its own at the start of a health check, and no form for a lone word with a space that all its versions understand. */
function refuseProgram(command: readonly string[]): string | undefined {
  const [program = ''] = command;
  if (program === '') return 'names no program';
  if (/^cmd-shell$/i.test(program)) return `${program} is a word of podman's; write the shell, as [sh, -c, ...]`;
  if (/^(cmd|none)$/i.test(program)) return `${program} is a word of podman's; name the program itself`;
  if (command.length === 1 && /[\s"'\\\p{Cc}]/u.test(program)) {
    return 'is a lone word with a space, quote or backslash; write program and arguments apart, or [sh, -c, ...]';
  }
  return undefined;
}
