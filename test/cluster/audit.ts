/**
 * What the ServiceAccounts of a control plane have asked it for, from its audit log: every way in is seen there, also the one past the fault
 * proxy, and which rule let a call pass or that none did.
 */
import { createReadStream, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { defaultAgentNamespace, defaultNamespace } from '../../controller/api/names.ts';

/** Names a directory: every control plane writes into it, when it stops, what it was asked for. `npm test` sets it. */
export const callsVariable = 'SCANTLING_TEST_CALLS';

/** One kind of call, however often it was made. */
export interface RecordedCall {
  /** As `system:serviceaccount:scantling-system:scantling-controller`. */
  user: string;
  /** Up to the first space, as `scantling-controller/0.2.0`. */
  userAgent: string;
  verb: string;
  group: string;
  /** With its subresource, as `pods/log`. */
  resource: string;
  /** '' for all namespaces and for what is in none; `*` for one that is neither ours nor `default`. */
  namespace: string;
  /** The role that allowed it, as `Role scantling-system/scantling-controller`; absent when none did. */
  role?: string;
  /** Of a write: as whom it was made. */
  fieldManager?: string;
  /** It only asked what would come of it. */
  dryRun?: true;
}

interface AuditEvent {
  verb: string;
  requestURI: string;
  userAgent?: string;
  user: { username: string };
  requestReceivedTimestamp: string;
  objectRef?: { resource: string; subresource?: string; namespace?: string; name?: string; apiGroup?: string };
  responseStatus?: { code?: number; message?: string };
  annotations?: Record<string, string>;
}

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};
const ownNamespaces = ['', 'default', defaultNamespace, defaultAgentNamespace];

/** Flags of kube-apiserver that make it keep an audit log of ServiceAccounts in the directory. */
export function auditFlags(directory: string): string[] {
  const logs = join(directory, 'audit');
  mkdirSync(logs, { recursive: true });
  const file = join(directory, 'audit-policy.yaml');
  writeFileSync(file, JSON.stringify(policy));
  return [`--audit-policy-file=${file}`, `--audit-log-path=${join(logs, 'audit.log')}`];
}

/** Calls that differ in nothing but their time. */
export interface HeardCalls {
  call: RecordedCall;
  /** Of the object, '' where the call names none. */
  name: string;
  /** As it is; that of the call stands for many. */
  namespace: string;
  /** When they were made, epoch ms. */
  times: number[];
}

/** What the log in a directory of `auditFlags` tells, each kind of call once. */
export async function recordedCalls(directory: string): Promise<RecordedCall[]> {
  return distinct((await heardCalls(directory)).map(({ call }) => call));
}

async function heardCalls(directory: string): Promise<HeardCalls[]> {
  const logs = join(directory, 'audit');
  const heard = new Map<string, HeardCalls>();
  for (const file of readdirSync(logs)) {
    for await (const line of createInterface({ input: createReadStream(join(logs, file)) })) {
      const event = parse(line);
      if (!event?.objectRef) continue;
      const { name = '', namespace = '' } = event.objectRef;
      for (const call of callsOf(event)) {
        const key = JSON.stringify([call, name, namespace]);
        const calls = heard.get(key) ?? { call, name, namespace, times: [] };
        calls.times.push(Date.parse(event.requestReceivedTimestamp));
        heard.set(key, calls);
      }
    }
  }
  return [...heard.values()];
}

const distinct = (calls: readonly RecordedCall[]): RecordedCall[] => [
  ...new Map(calls.map(call => [JSON.stringify(call), call])).values(),
];

let written = 0;

/** What a control plane says of the calls that it refused. */
export interface Refusals {
  /** False: what no role allowed was tried on purpose. */
  count: boolean;
  /** Roles are taken away and given again while programs run, as by removals and installations with Helm. */
  rolesComeAndGo: boolean;
}

/** Leaves what was recorded to whoever runs the tests, where one asks for it. */
export async function leaveCalls(directory: string, { count, rolesComeAndGo }: Refusals): Promise<void> {
  const to = process.env[callsVariable];
  if (!to) return;
  const calls = withoutPassing(await heardCalls(directory), { rolesComeAndGo }).filter(call => count || call.role !== undefined);
  writeFileSync(join(to, `${process.pid}-${written++}.json`), JSON.stringify(calls));
}

/**
 * Without what was refused to a program before it was first allowed the very same, of the same object, or after it was last: its role was not bound
 * yet, or is gone before its pods are, as when Helm removes a release. That is no rule that is missing. Where roles come and go, in between as well. Pure.
 */
export function withoutPassing(
  heard: readonly HeardCalls[],
  { rolesComeAndGo }: Pick<Refusals, 'rolesComeAndGo'>,
): RecordedCall[] {
  const allowed = new Map<string, { first: number; last: number }>();
  for (const calls of heard.filter(({ call }) => call.role !== undefined)) {
    const when = allowed.get(ruleOf(calls)) ?? { first: Infinity, last: -Infinity };
    for (const time of calls.times) {
      when.first = Math.min(when.first, time);
      when.last = Math.max(when.last, time);
    }
    allowed.set(ruleOf(calls), when);
  }
  const isMissing = (calls: HeardCalls): boolean => {
    const when = allowed.get(ruleOf(calls));
    return !when || (!rolesComeAndGo && calls.times.some(time => time > when.first && time < when.last));
  };
  return distinct(heard.filter(calls => calls.call.role !== undefined || isMissing(calls)).map(({ call }) => call));
}

/** What one rule allows or not. No rule allows to create by name, and a creation that is refused has none. */
function ruleOf({ call: { user, userAgent, verb, group, resource }, name, namespace }: HeardCalls): string {
  return JSON.stringify([user, userAgent, verb, group, resource, namespace, verb === 'create' ? '' : name]);
}

function callsOf(event: AuditEvent): RecordedCall[] {
  const call = callOf(event);
  if (!call || call.verb !== 'patch') return call ? [call] : [];
  // To apply what is not there also takes the right to create it, which is asked for behind the back of the audit log.
  if (event.responseStatus?.code === 201) return [call, { ...call, verb: 'create' }];
  if (!/cannot create resource/.test(event.responseStatus?.message ?? '')) return [call];
  const { role: _, ...refused } = call;
  return [call, { ...refused, verb: 'create' }];
}

function callOf({ verb, requestURI, user, userAgent = '', objectRef, annotations = {} }: AuditEvent): RecordedCall | undefined {
  if (!objectRef) return undefined;
  const { resource, subresource, namespace = '', apiGroup = '' } = objectRef;
  const allowed = annotations['authorization.k8s.io/decision'] === 'allow';
  const role = allowed ? roleOf(annotations['authorization.k8s.io/reason'] ?? '', namespace) : undefined;
  const query = new URL(requestURI, 'https://localhost').searchParams;
  const fieldManager = query.get('fieldManager');
  return {
    user: user.username,
    userAgent: userAgent.split(' ')[0] ?? '',
    verb,
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace: ownNamespaces.includes(namespace) ? namespace : '*',
    ...(role === undefined ? {} : { role }),
    ...(fieldManager === null ? {} : { fieldManager }),
    ...(query.has('dryRun') ? { dryRun: true } : {}),
  };
}

/** A line that the end of the API server has cut is none. */
function parse(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    return undefined;
  }
}

/** `RBAC: allowed by RoleBinding "name/namespace" of Role "name" to ServiceAccount …` */
function roleOf(reason: string, namespace: string): string {
  const [, kind, name] = / of (ClusterRole|Role) "([^"]+)"/.exec(reason) ?? [];
  return kind === 'Role' ? `Role ${namespace}/${name}` : `ClusterRole ${name}`;
}
