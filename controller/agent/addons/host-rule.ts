/**
 * What the host's policy.json asks of an addon's artifact: pure. Only what Scantling writes into such files, and what is near to it, is understood; whatever else it says is never
 * passed over: the artifact is refused then, with what and where.
 */
import { RefusedCandidate } from '../../trust/refused.ts';
import { parseObject } from '../../trust/strict-json.ts';
import { governing } from '../container-policy.ts';
import type { PlacedText } from '../signature-policy.ts';
import { identityOf } from './signed-identity.ts';
import type { SignedIdentity } from './signed-identity.ts';

/** Where a key is: in the policy, PEM in base64, or in a file of the host. */
export type HostKey = { data: string } | { path: string };

/** One of them must have signed. */
export interface HostClause {
  keys: readonly HostKey[];
  identity: SignedIdentity;
  /** File and place in it, for people. */
  where: string;
}

export type HostRule =
  { kind: 'Accept' } | { kind: 'Refuse'; why: string; unspoken: boolean } | { kind: 'Signed'; clauses: readonly HostClause[] };

/** The rule for an image, `host/repository@digest`. `unspoken`: it is refused because the policy has no scope for its name. */
export function hostRuleFor(policy: PlacedText | undefined, image: string): HostRule {
  if (!policy) return refuse('the host has no policy.json, without which nothing is pulled; restore it from /usr/etc/containers');
  const { path, text } = policy;
  const broken = whatIsBroken(text);
  if (broken !== undefined) return refuse(`${path} cannot be relied on: ${broken}; correct it`);
  const found = governing(text, image);
  if (!found) return refuse(`${path} says nothing that can be read of ${image.replace(/@.*$/, '')}; correct it`);
  const { scope, requirements } = found;
  const place = scope === undefined ? 'default' : `transports.docker[${JSON.stringify(scope)}]`;
  const clauses: HostClause[] = [];
  for (const [i, requirement] of requirements.entries()) {
    const where = `${path}, ${place}[${i}]`;
    const { type } = membersOf(requirement);
    if (type === 'insecureAcceptAnything') continue;
    if (type === 'reject') return refuse(`${where} refuses everything of its name`, scope === undefined);
    const clause = type === 'sigstoreSigned' ? clauseOf(membersOf(requirement), where) : cannot(where, `a ${said(type)}`);
    if (typeof clause === 'string') return refuse(clause);
    clauses.push(clause);
  }
  return clauses.length === 0 ? { kind: 'Accept' } : { kind: 'Signed', clauses };
}

function refuse(why: string, unspoken = false): HostRule {
  return { kind: 'Refuse', why, unspoken };
}

/** containers/image reads no file that has members it does not know, or one twice. */
function whatIsBroken(text: string): string | undefined {
  try {
    const odd = Object.keys(parseObject(Buffer.from(text), 'it')).find(key => key !== 'default' && key !== 'transports');
    return odd === undefined ? undefined : `it has ${said(odd)}, which no policy has`;
  } catch (error) {
    if (error instanceof RefusedCandidate) return error.message;
    throw error;
  }
}

const single = ['keyPath', 'keyData'];
const several = ['keyPaths', 'keyDatas'];

function clauseOf({ type: _type, signedIdentity, ...others }: Record<string, unknown>, where: string): HostClause | string {
  const odd = Object.keys(others).find(key => ![...single, ...several].includes(key));
  if (odd !== undefined) return cannot(where, said(odd));
  const identity = identityOf(signedIdentity);
  if (!identity) return cannot(where, 'a signedIdentity of another form');
  const [[name, value] = ['', undefined], ...more] = Object.entries(others);
  const texts: unknown[] = several.includes(name) && Array.isArray(value) ? (value as unknown[]) : [value];
  const isRight = more.length === 0 && texts.length > 0 && texts.every(text => typeof text === 'string' && text !== '');
  if (!isRight) return `${where} does not name its keys in one of keyPath, keyPaths, keyData and keyDatas; correct it`;
  const keys = texts.map(String).map(text => (name.startsWith('keyPath') ? { path: text } : { data: text }));
  return { keys, identity, where };
}

function cannot(where: string, what: string): string {
  return `${where} has ${what}, which this agent cannot check for addons; say it with keys alone`;
}

function said(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : 'requirement without a type';
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
