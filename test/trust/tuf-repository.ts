/** A TUF repository on this machine that serves a trusted root: signed by keys made here, and changed as tests want. */
import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Key {
  id: string;
  public: object;
  privateKey: KeyObject;
}

export interface Content {
  target: string;
  /** Of all metadata but the root. */
  version?: number;
  /** Of the timestamp; default: a day from now. */
  expires?: Date;
}

const day = 86_400_000;

export class TUFRepository {
  readonly #key = newKey();
  readonly #files = new Map<string, string>();
  readonly #server: Server;
  /** Paths that were asked for. */
  readonly requests: string[] = [];
  /** The first root.json. */
  readonly root: string;
  /** Answers 503 while it is. */
  down = false;

  private constructor() {
    this.root = this.#root(1, this.#key, [this.#key]);
    this.#server = createServer((request, response) => {
      const path = request.url ?? '/';
      this.requests.push(path);
      const file = this.#files.get(path);
      response.writeHead(this.down ? 503 : file === undefined ? 404 : 200).end(this.down ? '' : file);
    });
  }

  static async start(content: Content): Promise<TUFRepository> {
    const repository = new TUFRepository();
    repository.publish(content);
    await new Promise<void>(resolve => repository.#server.listen(0, '127.0.0.1', resolve));
    return repository;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  publish({ target, version = 1, expires = new Date(Date.now() + day) }: Content, signer = this.#key): void {
    const later = new Date(Date.now() + 30 * day);
    const meta = (name: string): object => ({ meta: { [name]: { version } } });
    this.#files.set(
      '/timestamp.json',
      signed(signer, { _type: 'timestamp', version, ...dated(expires), ...meta('snapshot.json') }),
    );
    this.#files.set('/snapshot.json', signed(signer, { _type: 'snapshot', version, ...dated(later), ...meta('targets.json') }));
    const described = { length: Buffer.byteLength(target), hashes: { sha256: hash(target) } };
    const targets = { 'trusted_root.json': described };
    this.#files.set('/targets.json', signed(signer, { _type: 'targets', version, ...dated(later), targets }));
    this.#files.set('/targets/trusted_root.json', target);
  }

  /** Puts another file under a target's name than the metadata says. */
  tamper(target: string): void {
    this.#files.set('/targets/trusted_root.json', target);
  }

  /** A second root with another key, signed by it and by the first; what is published then is signed by the other one. */
  rotate(content: Content): void {
    const next = newKey();
    this.#files.set('/2.root.json', this.#root(2, next, [this.#key, next]));
    this.publish(content, next);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #root(version: number, key: Key, signers: readonly Key[]): string {
    const role = { keyids: [key.id], threshold: 1 };
    const roles = { root: role, timestamp: role, snapshot: role, targets: role };
    const expires = new Date(Date.now() + 365 * day);
    const document = {
      _type: 'root',
      version,
      ...dated(expires),
      consistent_snapshot: false,
      keys: { [key.id]: key.public },
      roles,
    };
    return signed(signers, document);
  }
}

function dated(expires: Date): object {
  return { spec_version: '1.0.31', expires: expires.toISOString().replace(/\.\d+Z$/, 'Z') };
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const hex = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const described = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hex } };
  return { id: hash(canonical(described)), public: described, privateKey };
}

function signed(by: Key | readonly Key[], document: object): string {
  const keys = Array.isArray(by) ? (by as readonly Key[]) : [by as Key];
  const bytes = Buffer.from(canonical(document));
  const signatures = keys.map(({ id, privateKey }) => ({ keyid: id, sig: sign(null, bytes, privateKey).toString('hex') }));
  return JSON.stringify({ signed: document, signatures });
}

/** For the few kinds of values that are in there. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
