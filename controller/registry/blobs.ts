import { TransientError } from '../api/errors.ts';
import { checkedStream, readBody } from './body.ts';
import { credentialsFor } from './credentials.ts';
import type { Credentials, DockerConfig } from './credentials.ts';
import { sha256 } from './digest.ts';
import { NotFoundError } from './errors.ts';
import { parseReference } from './reference.ts';
import { TryAgain } from './retry.ts';
import { dump } from './transport.ts';
import type { Answer, Call, RegistryTransport } from './transport.ts';

const smallDeadlineMs = 60_000;
const octets = { 'content-type': 'application/octet-stream' };

/** One try of each blob operation; the client repeats them. */
export class Blobs {
  readonly #transport: RegistryTransport;

  constructor(transport: RegistryTransport) {
    this.#transport = transport;
  }

  /** Size, or undefined when the registry says it is not there. */
  async stat(repository: string, digest: string, auth: DockerConfig | undefined): Promise<number | undefined> {
    const answer = await this.#transport.send({
      ...place(repository, auth),
      method: 'HEAD',
      target: path(repository, `blobs/${digest}`),
      actions: 'pull',
      deadlineMs: smallDeadlineMs,
    });
    await dump(answer);
    if (isAbsent(answer)) return undefined;
    expect(answer, [200], `${repository}@${digest}`);
    const size = Number(answer.headers['content-length'] ?? Number.NaN);
    if (!Number.isSafeInteger(size))
      throw new TryAgain('RegistryUnavailable', `${repository}@${digest}: the registry does not say its size`);
    return size;
  }

  async read(repository: string, digest: string, auth: DockerConfig | undefined, limitBytes: number): Promise<Uint8Array> {
    const answer = await this.#get(repository, digest, auth, deadlineFor(limitBytes));
    const bytes = await readBody(answer, limitBytes, `${repository}@${digest}`);
    if (sha256(bytes) !== digest)
      throw new TryAgain('DigestMismatch', `${repository}@${digest} does not have the bytes of its digest`);
    return bytes;
  }

  /** POST, then PUT of the whole (distribution specification, "POST then PUT"). */
  async upload(repository: string, blob: { digest: string; bytes: Uint8Array }, auth: DockerConfig | undefined): Promise<void> {
    const session = await this.#open(repository, auth, '');
    await this.#finish(repository, auth, { session, digest: blob.digest, size: blob.bytes.length, body: blob.bytes });
  }

  /** Mounts from another repository of the same registry, or streams the bytes over. */
  async transfer(
    repository: string,
    blob: { from: string; digest: string; size: number },
    auth: DockerConfig | undefined,
  ): Promise<void> {
    const session = await this.#mount(repository, blob, auth);
    if (session === undefined) return;
    const source = await this.#get(blob.from, blob.digest, auth, undefined);
    const body = checkedStream(source, blob, `${blob.from}@${blob.digest}`);
    try {
      await this.#finish(repository, auth, { session, digest: blob.digest, size: blob.size, body });
    } finally {
      body.destroy();
    }
  }

  /** The upload session when the mount did not happen: registries may answer 202 instead, and one that refuses the source's scope answers 401. */
  async #mount(
    repository: string,
    blob: { from: string; digest: string },
    auth: DockerConfig | undefined,
  ): Promise<string | undefined> {
    const from = parseReference(blob.from);
    const to = parseReference(repository);
    if (from.host !== to.host || !sameAccount(credentialsFor(auth, blob.from), credentialsFor(auth, repository))) {
      return this.#open(repository, auth, '');
    }
    const query = `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from.repository)}`;
    const answer = await this.#start(repository, auth, query, from.repository);
    if (answer.status !== 201) return location(answer, repository);
    checkDigest(answer, blob.digest, repository);
    return undefined;
  }

  async #open(repository: string, auth: DockerConfig | undefined, query: string): Promise<string> {
    return location(await this.#start(repository, auth, query), repository);
  }

  async #start(repository: string, auth: DockerConfig | undefined, query: string, alsoPull?: string): Promise<Answer> {
    const answer = await this.#transport.send({
      ...place(repository, auth),
      method: 'POST',
      target: path(repository, `blobs/uploads/${query}`),
      actions: 'pull,push',
      headers: { 'content-length': '0' },
      deadlineMs: smallDeadlineMs,
      ...(alsoPull === undefined ? {} : { alsoPull }),
    });
    await dump(answer);
    expect(answer, [201, 202], `upload to ${repository}`);
    return answer;
  }

  async #finish(
    repository: string,
    auth: DockerConfig | undefined,
    upload: { session: string; digest: string; size: number; body: NonNullable<Call['body']> },
  ): Promise<void> {
    const { host } = parseReference(repository);
    const relative = upload.session.startsWith('/');
    const target = `${upload.session}${upload.session.includes('?') ? '&' : '?'}digest=${encodeURIComponent(upload.digest)}`;
    const answer = await this.#transport.send({
      ...place(repository, auth),
      method: 'PUT',
      target: relative || URL.canParse(target) ? target : `/v2/${parseReference(repository).repository}/blobs/uploads/${target}`,
      actions: 'pull,push',
      headers: { ...octets, 'content-length': String(upload.size) },
      body: upload.body,
      ...(upload.body instanceof Uint8Array ? { deadlineMs: deadlineFor(upload.size) } : {}),
    });
    await dump(answer);
    // 404: the session is gone; 400: the bytes did not arrive as sent. Both pass with a new session.
    if (answer.status === 404 || answer.status === 400 || answer.status === 416) {
      throw new TryAgain('RegistryUnavailable', `${host} did not take an upload to ${repository} (${answer.status})`);
    }
    expect(answer, [201], `upload to ${repository}`);
    checkDigest(answer, upload.digest, repository);
  }

  async #get(
    repository: string,
    digest: string,
    auth: DockerConfig | undefined,
    deadlineMs: number | undefined,
  ): Promise<Answer> {
    const answer = await this.#transport.send({
      ...place(repository, auth),
      method: 'GET',
      target: path(repository, `blobs/${digest}`),
      actions: 'pull',
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    if (answer.status === 200) return answer;
    await dump(answer);
    if (isAbsent(answer)) throw new NotFoundError(`blob ${repository}@${digest}`);
    return expect(answer, [200], `${repository}@${digest}`);
  }
}

/** Milliseconds for so many bytes: no slower than a megabyte a second. */
function deadlineFor(bytes: number): number {
  return smallDeadlineMs + Math.ceil(bytes / 1_000);
}

/** The host, repository and credentials part of a call. */
export function place(repository: string, auth: DockerConfig | undefined): Pick<Call, 'host' | 'repository' | 'credentials'> {
  const reference = parseReference(repository);
  return {
    host: reference.host,
    repository: reference.repository,
    credentials: credentialsFor(auth, `${reference.host}/${reference.repository}`),
  };
}

/** `/v2/<repository>/<rest>`. */
export function path(repository: string, rest: string): string {
  return `/v2/${parseReference(repository).repository}/${rest}`;
}

/** Only the registry's own 404 is "not there"; what it redirects to may be missing for other reasons. */
export function isAbsent(answer: Answer): boolean {
  return answer.status === 404 && !answer.redirected;
}

/** Returns an answer of one of the statuses; throws for others. */
export function expect(answer: Answer, statuses: readonly number[], what: string): Answer {
  if (statuses.includes(answer.status)) return answer;
  if (answer.redirected) throw new TryAgain('RegistryUnavailable', `${what}: a redirect led to status ${answer.status}`);
  throw new TransientError('RegistryRefused', `${what}: the registry answers ${answer.status}`);
}

/** Docker-Content-Digest is optional; where it is, it must be the one expected. */
export function checkDigest(answer: Answer, digest: string, what: string): void {
  const said = answer.headers['docker-content-digest'];
  if (said !== undefined && said !== digest)
    throw new TryAgain('DigestMismatch', `${what}: the registry took ${digest} for ${String(said)}`);
}

function location(answer: Answer, repository: string): string {
  const header = answer.headers.location;
  if (header === undefined || header === '')
    throw new TryAgain('RegistryUnavailable', `upload to ${repository}: the registry names no upload session`);
  return header;
}

function sameAccount(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return a?.username === b?.username && a?.password === b?.password && a?.identityToken === b?.identityToken;
}
