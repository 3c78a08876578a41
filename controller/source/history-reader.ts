/** Commits and tags of a repository as raw bytes, fetched backwards in growing steps and without trees. */
import { StallingError, TransientError } from '../api/errors.ts';
import { createBreather } from './breather.ts';
import type { GitObject } from './git-object.ts';
import type { Pack } from './pack.ts';
import { exceeded, mostInflation } from './pack-scan.ts';
import type { SourceReason } from './reasons.ts';
import type { FetchContext, Repository } from './repository.ts';

/** Generations that one request brings: few at first, because mostly few are new. */
const steps = { first: 32, most: 1024 };
/** Of a server that sends what it is asked for. All that is read of history takes some 24 where it is a line, and some more for branches that were open for long. */
const mostRequests = 64;
/** With the lesser transport each request brings whole trees, so that walking on by it is no way. */
const mostLesserRequests = 2;

/**
 * Reads by id. What is beyond what was fetched is fetched from there on; nothing that a server says of what we have is relied upon.
 * @throws StallingError `UnsupportedGitFeature` where the server cannot leave trees out, `LimitExceeded`, TransientError when it does not send what it is asked for
 */
export function createHistoryReader(
  repository: Pick<Repository, 'objects' | 'transport' | 'history'>,
  context: () => FetchContext,
): (oid: string) => Promise<GitObject> {
  const packOf = new Map<string, Pack>();
  let [depth, requests, size, inflated] = [steps.first, 0, 0, 0];

  const fetched = async (oid: string): Promise<Pack> => {
    const { transport } = await repository.transport(context());
    if (transport === 'v1-shallow' && requests >= mostLesserRequests) {
      const message = `verifying needs more of the history than the transport ${transport} brings; let the server offer partial clones (uploadpack.allowFilter)`;
      throw new StallingError('UnsupportedGitFeature' satisfies SourceReason, message);
    }
    if (requests >= mostRequests) {
      const message = `the Git server has not sent the history that verifying needs in ${mostRequests} requests, each for up to ${steps.most} generations of it; if it is no fault of the server, set spec.verify.from to a later commit that you trust`;
      throw new TransientError('GitOperationFailed' satisfies SourceReason, message);
    }
    requests++;
    const pack = await repository.history(oid, depth, context());
    depth = Math.min(depth * 2, steps.most);
    return pack;
  };

  /** All that is held and all that it takes to read it, over all requests. */
  const bound = (pack: Pack, { limits: { packBytes } }: FetchContext): void => {
    size += pack.size;
    inflated += pack.inflated;
    if (size > packBytes) throw exceeded('packBytes', packBytes, 'the history that has to be verified is larger');
    if (inflated > packBytes * mostInflation)
      throw exceeded('packBytes', packBytes, `the history that has to be verified inflates to over ${mostInflation} times that`);
  };

  return async oid => {
    const known = packOf.get(oid);
    if (known) return known.read(oid);
    const fetching = context();
    // Where documents are read next, this commit is what they begin with.
    if (oid === fetching.commit) {
      const object = (await repository.objects([oid], fetching)).get(oid);
      if (object) return object;
    }
    const pack = await fetched(oid);
    bound(pack, fetching);
    const breathe = createBreather();
    for (const held of pack.oids) {
      if (!packOf.has(held)) packOf.set(held, pack);
      await breathe();
    }
    return pack.read(oid);
  };
}
