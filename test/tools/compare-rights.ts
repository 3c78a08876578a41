/**
 * Compares the rights that manifests/ give with what a whole run of the tests asked for: what RBAC refused is a rule that is missing, and a right
 * that nothing used is one too many. `node test/tools/compare-rights.ts DIRECTORY` does it for calls that were recorded before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldManagers } from '../../controller/api/names.ts';
import { version } from '../../controller/version.ts';
import type { RecordedCall } from '../cluster/audit.ts';
import { rightRules, rightsOf, type Right } from './rights.ts';

/** The ServiceAccounts whose rights are compared. Roles of people are for people, who are no test. */
const accounts = /^system:serviceaccount:[^:]+:scantling-(controller|agent|builder)$/;
const rolesOfPeople = /^ClusterRole scantling-(view|admin)$/;

/** What tries what an account may not do says so by this user agent. (A control plane whose rights are taken away says `deliberateRefusals`.) */
export const probeUserAgent = 'probe';

/** What all control planes of a run have left in a directory. */
export function readCalls(directory: string): RecordedCall[] {
  return readdirSync(directory).flatMap(name => JSON.parse(readFileSync(join(directory, name), 'utf8')) as RecordedCall[]);
}

/** One line for each thing that is wrong; none when rights and calls agree. Pure. */
export function compareRights(rights: readonly Right[], calls: readonly RecordedCall[]): string[] {
  const own = calls.filter(call => accounts.test(call.user) && call.userAgent !== probeUserAgent && !isOfAnotherRelease(call));
  const refused = own.filter(call => call.role === undefined).map(call => `missing: ${accountOf(call)} asked to ${nameOf(call)}`);
  const secrets = own
    .filter(({ resource, verb }) => resource === 'secrets' && ['list', 'watch', 'deletecollection'].includes(verb))
    .map(call => `Secrets are only ever asked for by name: ${accountOf(call)} asked to ${nameOf(call)}`);
  const unused = rights
    .filter(right => !rolesOfPeople.test(right.role) && !own.some(call => isUse(call, right)))
    .map(right => `never used: ${right.role}: ${nameOf(right)}`);
  const unnamed = own
    .filter(call => isWrite(call) && !ownManagers(call).includes(call.fieldManager ?? ''))
    .map(call => `written as ${call.fieldManager ?? 'nobody'}: ${accountOf(call)} asked to ${nameOf(call)}`);
  return [...new Set([...refused, ...secrets, ...unnamed, ...unused])];
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

function accountOf({ user }: RecordedCall): string {
  return user.slice(user.lastIndexOf(':') + 1);
}

function nameOf({ verb, group, resource, namespace }: RecordedCall | Right): string {
  const where = namespace === '*' ? ' in another namespace' : namespace === '' ? '' : ` in ${namespace}`;
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${where}`;
}

if (import.meta.main) {
  const wrong = compareRights(rightsOf(rightRules()), readCalls(process.argv[2] ?? ''));
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) process.exitCode = 1;
}
