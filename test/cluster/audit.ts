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
  objectRef?: { resource: string; subresource?: string; namespace?: string; apiGroup?: string };
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

/** What the log in a directory of `auditFlags` tells, each kind of call once. */
export async function recordedCalls(directory: string): Promise<RecordedCall[]> {
  const logs = join(directory, 'audit');
  const distinct = new Map<string, RecordedCall>();
  for (const name of readdirSync(logs)) {
    for await (const line of createInterface({ input: createReadStream(join(logs, name)) })) {
      for (const call of callsOf(line)) distinct.set(JSON.stringify(call), call);
    }
  }
  return [...distinct.values()];
}

let written = 0;

/** Leaves what was recorded to whoever runs the tests, where one asks for it; `refused`: also what no role allowed. */
export async function leaveCalls(directory: string, { refused }: { refused: boolean }): Promise<void> {
  const to = process.env[callsVariable];
  if (!to) return;
  const calls = withoutPassing(await recordedCalls(directory)).filter(call => refused || call.role !== undefined);
  writeFileSync(join(to, `${process.pid}-${written++}.json`), JSON.stringify(calls));
}

/**
 * Without what was refused to a program that was allowed the same at another time: its role was not bound yet, or is gone before its pods are, as
 * while Helm removes a release. That is no rule that is missing. Pure.
 */
export function withoutPassing(calls: readonly RecordedCall[]): RecordedCall[] {
  const kind = ({ user, userAgent, verb, group, resource, namespace }: RecordedCall) =>
    JSON.stringify([user, userAgent, verb, group, resource, namespace]);
  const allowed = new Set(calls.filter(call => call.role !== undefined).map(kind));
  return calls.filter(call => call.role !== undefined || !allowed.has(kind(call)));
}

function callsOf(line: string): RecordedCall[] {
  const event = parse(line);
  const call = event && callOf(event);
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
