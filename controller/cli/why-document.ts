/** What `scantling why` answers, as a document: the chain backwards from one object, and what it waits for. Pure. */
import { parseDuration } from '../api/duration.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { NodeTarget } from '../api/node-target.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { SystemPool } from '../api/system-pool.ts';
import { matches } from '../rollout/select.ts';
import { adviceFor } from './advice.ts';
import type { Chain } from './chain.ts';
import { digestsOf, nodeStandings, type NodeStanding } from './node-standing.ts';
import { isTrouble, standingOf, type Standing, type State } from './state.ts';
import { poolStanding } from './pool-standing.ts';
import { definitionStanding, optional } from './status-document.ts';
import type { Subject, SubjectKind } from './subject.ts';
import { policySays } from './trust-summary.ts';
import { addonLink, addonsOfNode, addonsOfPool, nodeAddonsSay, poolAddonsSay } from './why-addons.ts';
import { type Found, gone, type Link, link } from './why-link.ts';
import { count, list, systemName } from './words.ts';

/** Something that is not as it should be, on the way from the commit to the object. */
export interface Wait {
  kind: SubjectKind;
  name: string;
  state: State;
  reason: string;
  message: string;
  since?: string;
  until?: string;
  /** What a person can do; absent where it goes on by itself. */
  todo?: string;
}

export interface WhyDocument {
  kind: 'Why';
  subject: Subject;
  /** It is as the newest commit asks, or on its way there by itself. */
  ok: boolean;
  /** In one or two sentences. */
  answer: string;
  /** What holds it up, nearest first. */
  waits: Wait[];
  /** From the object backwards to the commit. */
  chain: Link[];
}

const mostOfStep = 60;

export function whyOf(chain: Chain, subject: Subject, now: number): WhyDocument {
  const links = linksOf(chain, subject, now);
  const [first] = links;
  const waits = links.filter(l => l.state !== 'Ready').map(waitOf);
  return {
    kind: 'Why',
    subject,
    ok: !waits.some(isTrouble),
    answer: first
      ? `${subject.kind === 'Node' ? '' : `${subject.kind} `}${subject.name} ${first.says}.${heldUp(waits, subject)}`
      : '',
    waits,
    chain: links.map(({ kind, name, state, says }) => ({ kind, name, state, says })),
  };
}

/** The sentence that says where it hangs, when that is not the object itself. */
function heldUp(waits: readonly Wait[], subject: Subject): string {
  const cause =
    waits.findLast(w => w.state === 'Stalled') ??
    waits.findLast(w => w.state !== 'Moving') ??
    waits.find(w => w.todo !== undefined) ??
    waits.at(-1);
  if (!cause) return '';
  const own = cause.kind === subject.kind && cause.name === subject.name;
  const about = own ? 'It' : `${cause.kind} ${cause.name}`;
  switch (cause.state) {
    case 'Stalled':
      return ` ${about} waits for a person: ${cause.reason}.`;
    case 'Retrying':
      return ` ${about} failed and is tried again: ${cause.reason}.`;
    case 'Suspended':
      return ` ${about} is suspended.`;
    case 'Unseen':
      return ` No controller has looked at ${own ? 'it' : about} yet.`;
    case 'Ended':
      return ` ${about} has ended: ${cause.reason}.`;
    case 'Ready':
    case 'Moving':
      return ` ${about} is ${cause.todo === undefined ? 'at work' : 'held up'}: ${cause.reason}.`;
  }
}

function waitOf({ kind, name, state, standing, follows }: Found): Wait {
  const { reason, message, since, until } = standing;
  return {
    kind,
    name,
    state,
    reason,
    message,
    ...optional('since', since),
    ...optional('until', until),
    ...optional('todo', adviceFor(reason, { name, ...optional('follows', follows) })),
  };
}

function linksOf(chain: Chain, { kind, name }: Subject, now: number): Found[] {
  switch (kind) {
    case 'Node':
      return nodeLinks(chain, name, now);
    case 'SystemPool':
      return poolLinks(chain, name, now);
    case 'ImageBuild':
      return buildLinks(
        chain,
        chain.builds.find(b => b.metadata.name === name),
        now,
      );
    case 'SystemDefinition':
      return definitionLinks(chain, name, now);
    case 'SystemSource':
      return sourceLinks(chain, name, now);
    case 'SystemAddon':
      return [addonLink(chain, name, now)];
    case 'TrustPolicy':
      return policyLinks(chain, name, now);
  }
}

function nodeLinks(chain: Chain, name: string, now: number): Found[] {
  const target = chain.targets.find(t => t.metadata.name === name);
  if (!target) return [unmanaged(chain, name)];
  const standing = nodeStandings({ ...chain, targets: [target] }, now)[0];
  if (!standing) return [];
  const says = `${nodeSays(chain, target, standing)}${nodeAddonsSay(target)}`;
  const pool = target.spec.poolRef.name;
  return [link('Node', name, says, standing), ...poolLinks(chain, pool, now, addonsOfNode(chain, target, now))];
}

/** Commit and image, and whether its pool has gone on since. */
function nodeSays({ pools }: Chain, target: NodeTarget, standing: NodeStanding): string {
  const booted = target.status?.host?.booted;
  const digest = systemName({ digest: booted?.digest });
  const what = booted?.revision ? `${standing.runs} (${digest})` : standing.runs;
  const pool = pools.find(p => p.metadata.name === standing.pool)?.status?.target;
  const wanted = pool?.image ?? target.spec.image;
  if (!booted?.digest) return `has not said what it runs; it is to run ${standing.wants}`;
  const isCurrent = [...(pool?.digests ?? []), ...(pool?.image === target.spec.image ? digestsOf(target) : [])].includes(
    booted.digest,
  );
  if (pool === undefined ? standing.done : isCurrent) return `runs ${what}, which is what SystemPool ${standing.pool} wants`;
  return `runs ${what}, and is to run ${systemName({ revision: pool?.revision ?? target.spec.revision, image: wanted })}`;
}

function unmanaged({ pools, nodes }: Chain, name: string): Found {
  const node = nodes?.find(n => n.name === name);
  const selecting = node ? pools.filter(p => matches(p.spec.nodeSelector, node.labels)).map(p => p.metadata.name) : [];
  const standing: Standing =
    selecting.length === 0
      ? { state: 'Ended', reason: 'NoPool', message: 'no SystemPool selects it by its labels' }
      : selecting.length === 1
        ? { state: 'Moving', reason: 'NoTarget', message: `SystemPool ${selecting[0]} selects it and has given it no target yet` }
        : {
            state: 'Stalled',
            reason: 'NodeConflict',
            message: `SystemPools ${list(selecting)} select it; none of them moves it`,
          };
  return link('Node', name, 'is not managed', standing);
}

/** `addons`: those of one node, where it is asked for that. */
function poolLinks(chain: Chain, name: string, now: number, addons?: Found[]): Found[] {
  const pool = chain.pools.find(p => p.metadata.name === name);
  if (!pool) return [gone('SystemPool', name)];
  const standing = { ...poolStanding(chain, pool, now), ...optional('until', earliest(chain, pool, now)) };
  const { definitionRef } = pool.spec.system;
  const before = definitionRef ? definitionLinks(chain, definitionRef.name, now, pool.status?.target?.image) : [];
  const says = `${poolSays(pool)}${poolAddonsSay(pool)}`;
  const own = { ...link('SystemPool', name, says, standing), ...optional('follows', definitionRef?.name) };
  return [own, ...(addons ?? addonsOfPool(chain, pool, now)), ...before];
}

function poolSays({ spec, status }: SystemPool): string {
  const { target, nodes: { total = 0, updated = 0, unavailable = 0 } = {} } = status ?? {};
  if (!target?.image) return 'has no target yet';
  const from = spec.system.image === undefined ? '' : ` (spec.system.image ${spec.system.image})`;
  const away = unavailable > 0 ? `, ${unavailable} unavailable` : '';
  return `wants ${systemName(target)}${from}: ${updated} of ${count(total, 'node')} run it${away}`;
}

function earliest(chain: Chain, pool: SystemPool, now: number): string | undefined {
  const nodes = nodeStandings(chain, now).filter(n => n.pool === pool.metadata.name);
  return nodes.flatMap(n => n.until ?? []).toSorted()[0];
}

/** `image`: what was taken from it, which an earlier build may have made. */
function definitionLinks(chain: Chain, name: string, now: number, image?: string): Found[] {
  const definition = chain.definitions.find(d => d.metadata.name === name);
  if (!definition) return [gone('SystemDefinition', name)];
  const { latestBuild, image: last } = definition.status ?? {};
  const wanted = image ?? last;
  const made = chain.builds.find(b => wanted !== undefined && b.status?.image?.reference === wanted);
  const latest = chain.builds.find(b => b.metadata.name === latestBuild);
  const builds = [...new Set([latest?.status?.phase === 'Succeeded' ? undefined : latest, made])].filter(b => b !== undefined);
  return [...builds.map(b => buildLink(b, now)), definitionLink(chain, definition, now), ...sourceOf(chain, definition, now)];
}

function definitionLink(chain: Chain, definition: SystemDefinition, now: number): Found {
  const { metadata, spec } = definition;
  const standing = definitionStanding(chain, definition, now);
  const says = definitionSays(definition);
  return { ...link('SystemDefinition', metadata.name, says, standing), ...optional('follows', spec.sourceRef?.name) };
}

function definitionSays({ status, spec }: SystemDefinition): string {
  const { image, revision, base } = status ?? {};
  const on = base?.digest ? `, on ${base.image ?? spec.base.image ?? 'its base'} at ${systemName({ digest: base.digest })}` : '';
  if (image === undefined) return `has no image yet${on}`;
  return `has the image ${systemName({ image })}${revision ? ` of ${systemName({ revision })}` : ''}${on}`;
}

function buildLinks(chain: Chain, build: ImageBuild | undefined, now: number): Found[] {
  if (!build) return [];
  const definition = chain.definitions.find(d => d.metadata.name === build.spec.definitionRef.name);
  if (!definition) return [buildLink(build, now), gone('SystemDefinition', build.spec.definitionRef.name)];
  return [buildLink(build, now), definitionLink(chain, definition, now), ...sourceOf(chain, definition, now)];
}

function buildLink(build: ImageBuild, now: number): Found {
  const { metadata, spec, status } = build;
  const standing = standingOf(build, now);
  const started = Date.parse(status?.startTime ?? '');
  const until =
    status?.phase === 'Building' && !Number.isNaN(started)
      ? new Date(started + parseDuration(spec.execution.timeout)).toISOString()
      : undefined;
  return link('ImageBuild', metadata.name, buildSays(build), { ...standing, ...optional('until', until) });
}

function buildSays({ spec, status }: ImageBuild): string {
  const of = spec.revision ? ` from ${systemName({ revision: spec.revision })}` : '';
  const { phase = 'Pending', image, failure, attempts, attemptsLeft } = status ?? {};
  switch (phase) {
    case 'Succeeded':
      return `made ${systemName({ digest: image?.digest })}${of}${status?.completionTime ? ` at ${status.completionTime}` : ''}`;
    case 'Failed': {
      const code = failure?.exitCode === undefined ? '' : ` with exit code ${failure.exitCode}`;
      return `failed${of} in "${stepOf(failure?.step)}"${code} after ${count(attempts ?? 1, 'attempt')}`;
    }
    case 'Building':
      return `is at work${of}${attempts ? `, attempt ${attempts}${attemptsLeft === undefined ? '' : `, ${attemptsLeft} left`}` : ''}`;
    case 'Canceled':
      return `was canceled${of}`;
    case 'Pending':
      return `waits for its turn${of}`;
  }
}

/** A step can be a script of many lines; where it failed, the wait's message says it whole. */
function stepOf(step = 'a step'): string {
  const line = step.replaceAll(/\s+/g, ' ').trim();
  return line.length <= mostOfStep ? line : `${line.slice(0, mostOfStep - 1).toWellFormed()}…`;
}

function sourceOf(chain: Chain, definition: SystemDefinition, now: number): Found[] {
  const name = definition.spec.sourceRef?.name;
  return name === undefined ? [] : sourceLinks(chain, name, now);
}

function sourceLinks({ sources }: Chain, name: string, now: number): Found[] {
  const source = sources.find(s => s.metadata.name === name);
  if (!source) return [gone('SystemSource', name)];
  const { lastAppliedRevision, lastAttemptedRevision, failures = [] } = source.status ?? {};
  const applied = lastAppliedRevision
    ? `has applied ${systemName({ revision: lastAppliedRevision })}`
    : 'has applied nothing yet';
  const ahead =
    lastAttemptedRevision && lastAttemptedRevision !== lastAppliedRevision
      ? `, not yet ${systemName({ revision: lastAttemptedRevision })}`
      : '';
  const [first] = failures;
  const refused = first ? `; it refuses ${first.file}${first.line === undefined ? '' : `:${first.line}`}: ${first.message}` : '';
  return [link('SystemSource', name, `${applied}${ahead} of ${source.spec.url}${refused}`, standingOf(source, now))];
}

function policyLinks({ policies = [] }: Chain, name: string, now: number): Found[] {
  const policy = policies.find(p => p.metadata.name === name);
  return policy ? [link('TrustPolicy', name, policySays(policy), standingOf(policy, now))] : [gone('TrustPolicy', name)];
}
