/** Downloads published test servers. Every file is checked against the digest that its publisher gives. */
import { createHash } from 'node:crypto';
import { chmodSync, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { say, withProgress } from './progress.mjs';
import { runCommand } from './run-command.mjs';
import { missingServers, moduleDirectory } from './server-binaries.mjs';

/** @typedef {import('./server-binaries.mjs').ServerName} ServerName */

/** Where the publishers have them. */
export const publishers = {
  kubernetes: 'https://dl.k8s.io/release',
  envtest: 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml',
  registry: 'https://github.com/distribution/distribution/releases/download',
  helm: 'https://get.helm.sh',
  cosign: 'https://github.com/sigstore/cosign/releases/download',
};

/**
 * One file to fetch, with the names of the servers in it (in an archive wherever they are; `packedAs`: how the only one is called there).
 * @typedef {{ url: string, algorithm: 'sha256' | 'sha512', digest: string, servers: ServerName[], archive: boolean, packedAs?: string }} Download
 */

const platform = process.platform;
const arch = process.arch === 'x64' ? 'amd64' : process.arch;

/** How long a server may take to answer at all: a machine without the internet must not wait for it. */
const connectMs = 5_000;

/** @param {string} url */
async function open(url) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${connectMs / 1_000} s`)), connectMs);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`);
    return response;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The digest in a file that has only that, or that and the name of the file it is of.
 * @param {string} url
 */
async function digestFrom(url) {
  return (await (await open(url)).text()).trim().split(/\s/)[0] ?? '';
}

/**
 * The digest of a file in a list of digests and names.
 * @param {string} url of the list
 * @param {string} name
 */
async function listedDigest(url, name) {
  const lines = (await (await open(url)).text()).split('\n').map(line => line.trim().split(/\s+/));
  const digest = lines.find(([, listed]) => listed === name)?.[0];
  if (!digest) throw new Error(`${url} does not list ${name}`);
  return digest;
}

/**
 * The entry of an archive in envtest's index: of the version itself, else of the newest patch of the same minor version.
 * @param {string} index the YAML document
 * @param {string} version without v
 * @returns {{ hash: string, selfLink: string } | undefined}
 */
export function envtestArchive(index, version) {
  const [major, minor] = version.split('.');
  const pattern = new RegExp(
    `envtest-v(${major}\\.${minor}\\.\\d+)-${platform}-${arch}\\.tar\\.gz:\\s+(?:hash: (\\w+)\\s+selfLink: (\\S+)|selfLink: (\\S+)\\s+hash: (\\w+))`,
    'g',
  );
  const found = [...index.matchAll(pattern)].map(([, patch = '', hash1, link1, link2, hash2]) => ({
    patch: patch === version ? Infinity : Number(patch.split('.')[2]),
    hash: hash1 ?? hash2 ?? '',
    selfLink: link1 ?? link2 ?? '',
  }));
  return found.reduce(
    (/** @type {typeof found[0] | undefined} */ best, each) => (best && best.patch >= each.patch ? best : each),
    undefined,
  );
}

/**
 * What to fetch for the missing servers of a module.
 * @param {import('./server-binaries.mjs').ServerModule} server
 * @param {ServerName[]} missing
 * @param {typeof publishers} from
 * @returns {Promise<Download[]>}
 */
async function plan(server, missing, from) {
  const { kubernetes, registry, helm, kubectl, cosign } = server.versions;
  if (['quadlet', 'host-policy', 'host-policy-oldest'].some(name => name in server.versions)) {
    say(`${missing.join(', ')} is not published`);
    return [];
  }
  if (registry) {
    if (missing.includes('referrers-registry')) say('referrers-registry is not published');
    if (!missing.includes('registry')) return [];
    const url = `${from.registry}/v${registry}/registry_${registry}_${platform}_${arch}.tar.gz`;
    return [{ url, algorithm: 'sha256', digest: await digestFrom(`${url}.sha256`), servers: ['registry'], archive: true }];
  }
  if (cosign) {
    const name = `cosign-${platform}-${arch}`;
    const digest = await listedDigest(`${from.cosign}/v${cosign}/cosign_checksums.txt`, name);
    return [{ url: `${from.cosign}/v${cosign}/${name}`, algorithm: 'sha256', digest, servers: ['cosign'], archive: false }];
  }
  /** @type {Download[]} */
  const downloads = [];
  if (helm) {
    const archive = `${from.helm}/helm-v${helm}-${platform}-${arch}.tar.gz`;
    const servers = missing.filter(name => name !== 'kubectl');
    if (servers.length > 0) {
      const digest = await digestFrom(`${archive}.sha256sum`);
      downloads.push({ url: archive, algorithm: 'sha256', digest, servers, archive: true, packedAs: 'helm' });
    }
    const program = `${from.kubernetes}/v${kubectl}/bin/${platform}/${arch}/kubectl`;
    if (missing.includes('kubectl')) {
      const digest = await digestFrom(`${program}.sha256`);
      downloads.push({ url: program, algorithm: 'sha256', digest, servers: ['kubectl'], archive: false });
    }
    return downloads;
  }
  // Kubernetes publishes its servers for Linux only; envtest has etcd and kube-apiserver for others too.
  const published = missing.filter(name => name !== 'etcd' && platform === 'linux');
  for (const name of published) {
    const url = `${from.kubernetes}/v${kubernetes}/bin/${platform}/${arch}/${name}`;
    downloads.push({ url, algorithm: 'sha256', digest: await digestFrom(`${url}.sha256`), servers: [name], archive: false });
  }
  const packed = missing.filter(name => !published.includes(name) && (name === 'etcd' || name === 'kube-apiserver'));
  const rest = missing.filter(name => !published.includes(name) && !packed.includes(name));
  if (rest.length > 0) say(`${rest.join(', ')} is not published for ${platform}`);
  if (packed.length > 0) {
    const entry = envtestArchive(await (await open(from.envtest)).text(), kubernetes ?? '');
    if (!entry) throw new Error(`envtest has no archive of Kubernetes ${kubernetes} for ${platform} ${arch}`);
    downloads.push({ url: entry.selfLink, algorithm: 'sha512', digest: entry.hash, servers: packed, archive: true });
  }
  return downloads;
}

/**
 * @param {Download} download
 * @param {string} directory
 * @param {(text: string) => void} detail
 * @returns {Promise<string>} the file
 */
async function fetchChecked({ url, algorithm, digest }, directory, detail) {
  const response = await open(url);
  const size = Number(response.headers.get('content-length'));
  const hash = createHash(algorithm);
  const file = join(directory, basename(url));
  let bytes = 0;
  const count = new Transform({
    transform(chunk, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      detail(`${basename(url)} ${Math.round(bytes / 1e6)}${size ? ` of ${Math.round(size / 1e6)}` : ''} MB`);
      done(null, chunk);
    },
  });
  // A connection that says nothing for this long is broken.
  const body = Readable.fromWeb(/** @type {import('node:stream/web').ReadableStream} */ (response.body));
  let before = -1;
  const watch = setInterval(() => {
    if (before === bytes) body.destroy(new Error(`${url}: nothing came for 30 s`));
    before = bytes;
  }, 30_000);
  try {
    await pipeline(body, count, createWriteStream(file));
  } finally {
    clearInterval(watch);
  }
  const actual = hash.digest('hex');
  if (actual !== digest) throw new Error(`${url}: its ${algorithm} digest is ${actual}, but ${digest} was published`);
  return file;
}

/**
 * Downloads what is missing of a module's servers into the cache.
 * @param {import('./server-binaries.mjs').ServerModule} server
 * @param {typeof publishers} [from]
 * @throws {Error} when something cannot be had, or is not what its publisher says
 */
export async function downloadServers(server, from = publishers) {
  const missing = missingServers(server);
  if (missing.length === 0) return;
  const target = moduleDirectory(server);
  const temporary = `${target}.${process.pid}`;
  const downloads = await plan(server, missing, from);
  mkdirSync(temporary, { recursive: true });
  try {
    await withProgress(`downloading ${missing.join(', ')}`, async detail => {
      for (const download of downloads) {
        const file = await fetchChecked(download, temporary, detail);
        if (download.archive) {
          const names = (await runCommand('tar', ['-tzf', file])).split('\n');
          const { servers, packedAs } = download;
          /** @param {string} path */
          const serverAt = path => servers.find(each => (packedAs ?? each) === basename(path));
          const wanted = names.filter(serverAt);
          await runCommand('tar', ['-xzf', file, '-C', temporary, ...wanted]);
          for (const name of wanted) renameSync(join(temporary, name), join(temporary, `${serverAt(name)}.unpacked`));
        } else {
          renameSync(file, join(temporary, `${download.servers[0]}.unpacked`));
        }
        mkdirSync(target, { recursive: true });
        for (const name of download.servers) {
          chmodSync(join(temporary, `${name}.unpacked`), 0o755);
          renameSync(join(temporary, `${name}.unpacked`), join(target, name));
        }
      }
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
