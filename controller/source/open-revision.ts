/** The one function of this folder that others use: the files of a revision, which its source has applied, or which is allowed by itself. */
import { appliedMark } from '../api/applied-mark.ts';
import { StallingError, TransientError } from '../api/errors.ts';
import type { ObjectMeta } from '../api/meta.ts';
import { type SystemSource, systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { isAllowed } from '../trust/judgement.ts';
import type { Trust } from '../trust/trust.ts';
import type { Repositories } from './open.ts';
import type { SourceReason } from './reasons.ts';
import type { Repository } from './repository.ts';
import type { RepositoryTree } from './repository-tree.ts';
import { followed, parseRevision } from './revision.ts';
import { type ReadSecret, judgeSource, whatIsAsked } from './verify.ts';

export interface OpenRevisionOptions {
  client: Client;
  repositories: Repositories;
  /** Who may sign commits. */
  trust: Pick<Trust, 'gitRules' | 'judged' | 'unjudged'>;
  /** Reads a Secret of the operator's namespace. */
  readSecret: ReadSecret;
  /** Epoch ms. */
  now: () => number;
}

/**
 * The files of a revision (`main@sha1:<40 hex>`) of the named SystemSource, fetched as they are read. `by`: the definition, or the object of another kind, that reads them. What no source has
 * applied, as a revision that a person has written into a definition, is judged as the source's own commits are: whoever may push to any branch could be meant.
 * @throws StallingError when the revision or the source cannot be used or the commit is not allowed, TransientError when the server or the API cannot be reached.
 */
export type OpenRevision = (sourceName: string, revision: string, by: ReadBy) => Promise<RepositoryTree>;

/** Whoever reads a repository; without a kind, a definition. */
export type ReadBy = Pick<ObjectMeta, 'name' | 'uid' | 'generation'> & { kind?: string };

/** What signs a commit may be added to a Secret, which wakes nobody. */
const lookAgainMs = 300_000;

export function createOpenRevision(o: OpenRevisionOptions): OpenRevision {
  return async (sourceName, revision, by) => {
    const parsed = parseRevision(revision);
    if (!parsed) throw new StallingError('InvalidSource' satisfies SourceReason, `"${revision}" is not a revision`);
    const source = await o.client.get(systemsources, sourceName);
    const repository = await orLater(o.repositories.of(source));
    if (!isApplied(source, parsed.oid, by)) await requireAllowed(o, { source, repository, revision, oid: parsed.oid });
    return o.repositories.tree(source, repository, parsed.oid);
  };
}

/** Whether the source itself says that it has applied the commit, or this object at it. What was applied when it was allowed stays so. */
export function isApplied({ status }: Pick<SystemSource, 'status'>, oid: string, by: ReadBy): boolean {
  if (parseRevision(status?.lastAppliedRevision ?? '')?.oid === oid) return true;
  const mark = appliedMark(by);
  const entry = status?.inventory?.find(({ kind, name }) => kind === (by.kind ?? 'SystemDefinition') && name === by.name);
  return mark !== undefined && entry?.applied === mark;
}

interface Opened {
  source: SystemSource;
  repository: Repository;
  revision: string;
  oid: string;
}

async function requireAllowed(o: OpenRevisionOptions, { source, repository, revision, oid }: Opened): Promise<void> {
  const wire = () => o.repositories.wire(source);
  const target = followed(source.spec.ref);
  // A tag is what is signed in mode Tag; only the commit that it is of can be read by it.
  const isTag = source.spec.verify?.mode === 'Tag' && source.spec.ref.tag !== undefined && target.kind === 'ref';
  const tagged = isTag ? await repository.resolve(target.ref, 0, wire()) : undefined;
  const asked = await orLater(whatIsAsked(source, tagged?.oid === oid ? tagged.object : undefined, o));
  const context = () => ({ ...wire(), commit: oid, limits: source.spec.limits });
  const judgement = await judgeSource(source, asked, { ...o, repository, context, rewound: false });
  if (isAllowed(judgement)) return;
  const message = `spec.sourceRef: SystemSource ${source.metadata.name} has not applied ${revision}, and by itself it is not allowed: ${judgement.message}; name a commit that is signed as it has to be, or leave revision out to follow the source`;
  throw new StallingError(judgement.reason, message, { lookAgainMs });
}

/** A source is polled on; who reads its files is not told when the Secret is corrected, and so has to try again. */
async function orLater<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    throw new TransientError(error.reason, error.message, { cause: error });
  }
}
