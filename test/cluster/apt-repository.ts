/** A Debian repository made on the spot: packages by dpkg-deb, the index by hand, served over http by this process. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface DebianPackage {
  name: string;
  version: string;
  /** Path in the image, without the first slash → content. Everything is executable. */
  files: Readonly<Record<string, string>>;
  /** Names of other packages. */
  depends?: readonly string[];
}

export interface AptRepository {
  /** For spec.packages.repositories: a flat repository, whose suite is `./`. */
  url: string;
  /** The armored public key that it is signed with; undefined when it is not. */
  gpgKey: string | undefined;
  /** Paths that were asked for, in order. */
  requests: readonly string[];
  /** Adds a package, or a new version of one, to the index. */
  publish(debianPackage: DebianPackage): Promise<void>;
  /** From now on paths that begin so are not answered until `release`, so that a step stands still. */
  hold(prefix: string): void;
  release(): void;
  stop(): Promise<void>;
}

/** Serves the packages at `host` (default 127.0.0.1), which must be an address of this machine that the steps of a build reach. */
export async function startAptRepository(
  packages: readonly DebianPackage[],
  o: { host?: string; signed?: boolean } = {},
): Promise<AptRepository> {
  const directory = await mkdtemp(join(tmpdir(), 'scantling-apt-'));
  const files = new Map<string, Uint8Array>();
  const requests: string[] = [];
  const stanzas: string[] = [];
  const signer = o.signed ? await createSigner(directory) : undefined;
  const publish = async (debianPackage: DebianPackage): Promise<void> => {
    const { name, bytes, control } = await buildPackage(directory, debianPackage);
    files.set(name, bytes);
    stanzas.push(`${control}Filename: ./${name}\nSize: ${bytes.length}\nSHA256: ${hexDigest(bytes)}\n`);
    await index(files, stanzas, signer);
  };
  await index(files, stanzas, signer);
  for (const debianPackage of packages) await publish(debianPackage);
  let held: { prefix: string; released: PromiseWithResolvers<void> } | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).replace(/^\/(?:\.\/)?/, '');
    requests.push(path);
    if (held && path.startsWith(held.prefix)) await held.released.promise;
    const body = files.get(path);
    response.writeHead(body ? 200 : 404, { 'content-length': body?.length ?? 0 });
    response.end(body);
  };
  const server = createServer((request, response) => void answer(request, response));
  const release = () => {
    held?.released.resolve();
    held = undefined;
  };
  const host = o.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/`,
    gpgKey: signer?.publicKey,
    requests,
    publish,
    hold: prefix => {
      release();
      held = { prefix, released: Promise.withResolvers() };
    },
    release,
    stop: async () => {
      await closed(server);
      await signer?.end();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function buildPackage(
  directory: string,
  { name, version, files, depends = [] }: DebianPackage,
): Promise<{ name: string; bytes: Uint8Array; control: string }> {
  const root = await mkdtemp(join(directory, 'package-'));
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Nobody <nobody@example.com>',
    ...(depends.length > 0 ? [`Depends: ${depends.join(', ')}`] : []),
    `Description: ${name}`,
    '',
  ].join('\n');
  await write(join(root, 'DEBIAN', 'control'), control, 0o644);
  for (const [path, content] of Object.entries(files)) await write(join(root, path), content, 0o755);
  const archive = `${name}_${version}_all.deb`;
  await execute('dpkg-deb', ['--root-owner-group', '-Znone', '--build', root, join(directory, archive)]);
  return { name: archive, bytes: await readFile(join(directory, archive)), control };
}

async function write(file: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content, { mode });
}

/** Packages and Release of a flat repository (wiki.debian.org/DebianRepository/Format), signed in InRelease. */
async function index(files: Map<string, Uint8Array>, stanzas: readonly string[], signer: Signer | undefined): Promise<void> {
  const packages = Buffer.from(stanzas.join('\n'));
  const release = `Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n ${hexDigest(packages)} ${packages.length} Packages\n`;
  const signed = await signer?.sign(release);
  files.set('Packages', packages);
  files.set('Release', Buffer.from(release));
  if (signed) files.set('InRelease', signed);
}

interface Signer {
  publicKey: string;
  sign(text: string): Promise<Uint8Array>;
  end(): Promise<void>;
}

/** A key of its own, in a keyring of its own. */
async function createSigner(directory: string): Promise<Signer> {
  const home = join(directory, 'gnupg');
  await mkdir(home, { mode: 0o700 });
  const gpg = (...args: string[]): Promise<{ stdout: string }> =>
    execute('gpg', ['--homedir', home, '--batch', '--yes', '--passphrase', '', '--pinentry-mode', 'loopback', ...args]);
  await gpg('--quick-generate-key', 'repository@example.com', 'ed25519', 'sign', 'never');
  return {
    publicKey: (await gpg('--armor', '--export')).stdout,
    sign: async text => {
      await writeFile(join(home, 'Release'), text);
      await gpg('--clearsign', '--output', join(home, 'InRelease'), join(home, 'Release'));
      return readFile(join(home, 'InRelease'));
    },
    end: async () => void (await execute('gpgconf', ['--homedir', home, '--kill', 'all'])),
  };
}

function hexDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve, reject) => server.close(error => (error ? reject(error) : resolve())));
}
