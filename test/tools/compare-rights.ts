/**
 * Compares the rights that manifests/ and the chart's self-test give with what a whole run of the tests asked for: what RBAC refused is a rule that is missing, and a right
 * that nothing used is one too many. `node test/tools/compare-rights.ts DIRECTORY` does it for calls that were recorded before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldManagers } from '../../controller/api/names.ts';
import { version } from '../../controller/version.ts';
import type { RecordedCall } from '../cluster/audit.ts';
import { hooks, render } from '../manifests/rendered-chart.ts';
import { rightRules, rightsOf, writtenRights, type Right } from './rights.ts';

/** The ServiceAccounts whose rights are compared, also those of a second release. Roles of people are for people, who are no test. */
const accounts = /^system:serviceaccount:[^:]+:(scantling|west)-(controller|agent|builder|self-test)$/;
const rolesOfPeople = /^ClusterRole scantling-(view|admin|trust-admin)$/;

/** What tries what an account may not do says so by this user agent. (A control plane whose rights are taken away says `deliberateRefusals`.) */
export const probeUserAgent = 'probe';

/** The rights of manifests/base, and those that the chart gives its self-test. Throws CommandError when Helm cannot render it. */
export async function comparedRights(): Promise<Right[]> {
  const made = (await render(hooks)).filter(object => object.metadata.name.endsWith('-self-test'));
  return [...rightsOf(rightRules()), ...made.flatMap(writtenRights)];
}

/** What all control planes of a run have left in a directory. */
export function readCalls(directory: string): RecordedCall[] {
  return readdirSync(directory).flatMap(name => JSON.parse(readFileSync(join(directory, name), 'utf8')) as RecordedCall[]);
}

/** One line for each thing that is wrong; none when rights and calls agree. Pure. */
export function compareRights(rights: readonly Right[], calls: readonly RecordedCall[]): string[] {
  const own = calls.filter(call => accounts.test(call.user) && call.userAgent !== probeUserAgent && !isOfAnotherRelease(call));
  const refused = own.filter(call => call.role === undefined).map(call => `missing: ${whoAsked(call)}`);
  const strangers = own
    .filter(({ userAgent }) => !userAgent.startsWith('scantling-'))
    .map(call => `not by a program of ours: ${whoAsked(call)}`);
  const secrets = own
    .filter(({ resource, verb }) => resource === 'secrets' && ['list', 'watch', 'deletecollection'].includes(verb))
    .map(call => `Secrets are only ever asked for by name: ${whoAsked(call)}`);
  const unused = rights
    .filter(right => !rolesOfPeople.test(right.role) && !own.some(call => isUse(call, right)))
    .map(right => `never used: ${right.role}: ${nameOf(right)}`);
  const unnamed = own
    .filter(call => isWrite(call) && !ownManagers(call).includes(call.fieldManager ?? ''))
    .map(call => `written as ${call.fieldManager ?? 'nobody'}: ${whoAsked(call)}`);
  return [...new Set([...refused, ...strangers, ...secrets, ...unnamed, ...unused])];
}

/** Releases before this one run in the tests of upgrades, with rights of their own. */
function isOfAnotherRelease({ userAgent }: RecordedCall): boolean {
  return /^scantling-[a-z]+\//.test(userAgent) && !userAgent.endsWith(`/${version}`);
}

/** What leaves a field manager behind: evictions and reviews are questions. */
function isWrite({ verb, resource, role, dryRun }: RecordedCall): boolean {
  return role !== undefined && !dryRun && ['create', 'update', 'patch'].includes(verb) && !/reviews$|\/eviction$/.test(resource);
}

/** The agents' part of a status is theirs alone, and they have no other. */
function ownManagers(call: RecordedCall): readonly string[] {
  const { agent, ...others } = fieldManagers;
  return accountOf(call) === 'scantling-agent' ? [agent] : Object.values(others);
}

function isUse(call: RecordedCall, right: Right): boolean {
  return call.role === right.role && call.verb === right.verb && call.group === right.group && call.resource === right.resource;
}

/** As a line names a call. The user agent tells which program, or which test, it was. */
function whoAsked(call: RecordedCall): string {
  return `${accountOf(call)} asked to ${nameOf(call)} (${call.userAgent || 'no user agent'})`;
}

function accountOf({ user }: RecordedCall): string {
  return user.slice(user.lastIndexOf(':') + 1);
}

function nameOf({ verb, group, resource, namespace }: RecordedCall | Right): string {
  const where = namespace === '*' ? ' in another namespace' : namespace === '' ? '' : ` in ${namespace}`;
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${where}`;
}

if (import.meta.main) {
  const wrong = compareRights(await comparedRights(), readCalls(process.argv[2] ?? ''));
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) process.exitCode = 1;
}
