/** `scantling verify commit REV`: the judgement that the controller would come to of a commit of a local repository. */
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import { UsageError } from '../command-line.ts';
import type { Invocation } from '../running.ts';
import type { ImageVerifier } from '../trust/create-trust.ts';
import { plainLine } from '../trust/plain-text.ts';
import { nameOfRepository } from '../trust/scope.ts';
import { verifyCommit, type CommitToVerify, type VerifyMode } from '../trust/verify-commit.ts';
import { LocalRepository } from './local-repository.ts';
import { formatOf, print } from './output.ts';
import { terminalOf } from './terminal.ts';
import { exitCodeOf, verificationText } from './verify-report.ts';
import { trustOf } from './verify-trust.ts';

const modes: readonly string[] = ['Head', 'Tag', 'Ancestry'] satisfies VerifyMode[];

/** Exit code 0 trusted, 1 refused, 3 when something could not be looked up, 4 let through without being trusted. Throws UsageError. */
export async function verifyCommitCommand(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout, stderr } = invocation;
  const format = formatOf(config);
  const [asked = ''] = positionals;
  const repository = new LocalRepository(config['git-repository']);
  try {
    const request = await requestOf(repository, asked, config);
    const name = await nameOf(repository, config['git-url']);
    const trust = await trustOf(invocation, noImages);
    const rules = trust.gitRules(name);
    trust.stop();
    const judgement = await verifyCommit({ ...request, rules, now: Date.now() });
    const terminal = terminalOf(stdout, process.env);
    const what = `${request.commit} of ${name}`;
    await print(stdout, format, { kind: 'Verification' as const, subject: 'Git' as const, asked, what, ...judgement }, v =>
      verificationText(v, terminal),
    );
    return exitCodeOf(judgement.decision);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    stderr.write(`scantling: ${error.reason}: ${plainLine(messageOf(error))}; this says nothing of the commit\n`);
    return 3;
  } finally {
    repository.close();
  }
}

/** Commits are judged without a registry. */
const noImages: ImageVerifier = { verify: () => Promise.reject(new Error('only commits are judged')) };

type Request = Pick<CommitToVerify, 'mode' | 'from' | 'verified' | 'tag' | 'commit' | 'read' | 'diff'>;

async function requestOf(repository: LocalRepository, asked: string, config: Invocation['config']): Promise<Request> {
  const mode = config['verify-mode'];
  if (!modes.includes(mode)) throw new UsageError(`--mode is ${modes.join(', ')}, not "${mode}"`);
  if (config.from !== '' && mode !== 'Ancestry') throw new UsageError('--from goes with --mode Ancestry');
  const commit = await repository.resolve(`${asked}^{commit}`);
  return {
    mode: mode as VerifyMode,
    commit,
    ...(config.from === '' ? {} : await begunAt(repository, config.from)),
    ...(mode === 'Tag' ? { tag: await tagOf(repository, asked) } : {}),
    read: oid => repository.read(oid),
    diff: (before, after) => repository.diff(before, after),
  };
}

/** As a source stands that has verified that commit. */
async function begunAt(repository: LocalRepository, revision: string): Promise<Pick<Request, 'from' | 'verified'>> {
  const oid = await repository.resolve(`${revision}^{commit}`);
  return { from: oid, verified: oid };
}

/** The object that the ref points at: of an annotated tag the tag, and of another one the commit, which is no tag that could be signed. */
async function tagOf(repository: LocalRepository, asked: string): Promise<{ name: string; oid: string }> {
  const name = asked.replace(/^refs\/tags\//, '');
  return { name, oid: await repository.resolve(`refs/tags/${name}`) };
}

async function nameOf(repository: LocalRepository, given: string): Promise<string> {
  const url = given || (await repository.remoteURL('origin'));
  if (url === undefined)
    throw new UsageError(
      'the repository has no remote origin; say with --url where it comes from, since policies are chosen by that',
    );
  try {
    return nameOfRepository(url);
  } catch (error) {
    if (error instanceof StallingError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
