/**
 * Makes the recordings of test/trust/golden anew with the real cosign: `node test/tools/setup.mjs --then test/trust/make-golden.ts`. Keys, images and
 * times are new each time, so all of them change.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import { Cosign } from './cosign.ts';
import { provenanceOf } from './corpus/envelope.ts';
import { newImage, newIndex, type TestImage } from './corpus/image.ts';
import { type KeyKind, newKey } from './corpus/keys.ts';
import { type Json, Repository } from './corpus/repository.ts';
import { startSigstoreServices } from './sigstore-services.ts';
import { type Content, contentOf, type RecordedImage, type Recording } from './recording.ts';

const directory = temporaryDirectory('golden');
const cosign = new Cosign(directory);
const server = await startRegistry({ kind: 'referrers' });
const services = await startSigstoreServices();
const version = /GitVersion:\s*(\S+)/.exec(await cosign.run('version'))?.[1] ?? 'unknown';

let repositories = 0;
const repository = (): Repository => new Repository(server.host, `os/golden-${++repositories}`);

const provenance = cosign.file('provenance.json', JSON.stringify(provenanceOf()));
const list = cosign.file(
  'list.spdx.json',
  JSON.stringify({ spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT', name: 'os', packages: [] }),
);
const identity = {
  issuer: 'https://token.example.com',
  subject: 'https://git.example.com/acme/os/.github/workflows/build.yml@refs/heads/main',
};
const token = cosign.file('token', services.token(identity));

const forms = ['signature', 'bundle'] as const;

async function fetched(path: string): Promise<{ bytes: Buffer; mediaType: string } | undefined> {
  const answer = await fetch(`http://${server.host}/v2/${path}`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json' },
  });
  if (!answer.ok) return undefined;
  return { bytes: Buffer.from(await answer.arrayBuffer()), mediaType: answer.headers.get('content-type') ?? '' };
}

interface Manifest {
  config: { digest: string; mediaType: string };
  layers: { digest: string; mediaType: string }[];
}

/** What is beside an image now. */
async function record(name: string, image: TestImage): Promise<RecordedImage> {
  const path = image.repository.name.slice(server.host.length + 1);
  const blobs = new Map<string, Content>();
  const manifests: RecordedImage['manifests'] = [];
  const keep = async (reference: string, tag?: string): Promise<void> => {
    const found = await fetched(`${path}/manifests/${reference}`);
    if (!found) return;
    const { bytes, mediaType } = found;
    manifests.push({ ...contentOf(reference, mediaType, bytes), ...(tag === undefined ? {} : { tag }) });
    const { config, layers } = JSON.parse(bytes.toString()) as Manifest;
    for (const blob of [config, ...layers]) {
      const content = await fetched(`${path}/blobs/${blob.digest}`);
      if (content) blobs.set(blob.digest, contentOf(blob.digest, blob.mediaType, content.bytes));
    }
  };
  for (const suffix of ['sig', 'att'])
    await keep(`${image.digest.replace(':', '-')}.${suffix}`, `${image.digest.replace(':', '-')}.${suffix}`);
  const listed = await fetched(`${path}/referrers/${image.digest}`);
  const { manifests: referrers = [] } = JSON.parse(listed?.bytes.toString() ?? '{}') as {
    manifests?: (Json & { digest: string })[];
  };
  for (const { digest } of referrers) await keep(digest);
  return { name, digest: image.digest, blobs: [...blobs.values()], manifests, referrers };
}

function write(name: string, recording: Omit<Recording, 'cosign'>): void {
  const file = join(import.meta.dirname, 'golden', `${name}.json`);
  writeFileSync(file, `${JSON.stringify({ cosign: version, ...recording }, undefined, 2)}\n`);
  console.log(`${name}: ${recording.images.map(image => image.name).join(', ')}`);
}

/** Signs and attests in all forms with one key. */
async function byKey(kind: KeyKind): Promise<void> {
  const key = newKey(kind);
  const { key: file } = await cosign.importKey(kind.toLowerCase(), key);
  const images: RecordedImage[] = [];
  const one = async (name: string, act: (reference: string) => Promise<unknown>): Promise<void> => {
    const image = await newImage(repository());
    await act(image.reference);
    images.push(await record(name, image));
  };
  const by = ['--key', file];
  for (const form of forms) {
    const flags = [...by, ...cosign.offline(form)];
    await one(form, reference => cosign.run('sign', ...flags, reference));
    await one(`attestation beside a ${form}`, async reference => {
      await cosign.run('sign', ...flags, reference);
      await cosign.run('attest', ...flags, '--type', 'slsaprovenance1', '--predicate', provenance, reference);
    });
  }
  write(kind.toLowerCase(), { keys: { release: key.pem }, images });
}

/** Several keys, several statements, an index with its platforms. */
async function several(): Promise<void> {
  const [first, second] = [newKey(), newKey('Ed25519')];
  const files = [(await cosign.importKey('first', first)).key, (await cosign.importKey('second', second)).key];
  const images: RecordedImage[] = [];
  for (const form of forms) {
    const image = await newImage(repository());
    for (const file of files) await cosign.run('sign', '--key', file, ...cosign.offline(form), image.reference);
    images.push(await record(`two of the form ${form}`, image));
  }
  const by = ['--key', files[0] ?? ''];
  const listed = await newImage(repository());
  const attest = ['attest', ...by, ...cosign.offline('bundle')];
  await cosign.run('sign', ...by, ...cosign.offline('bundle'), listed.reference);
  await cosign.run(...attest, '--type', 'spdxjson', '--predicate', list, listed.reference);
  await cosign.run(...attest, '--type', 'slsaprovenance1', '--predicate', provenance, listed.reference);
  images.push(await record('a list of parts and provenance', listed));
  for (const form of forms) {
    const { index, platforms } = await newIndex(repository());
    await cosign.run('sign', ...by, '--recursive', ...cosign.offline(form), index.reference);
    images.push(await record(`index, ${form}`, index));
    for (const [n, platform] of platforms.entries()) images.push(await record(`platform ${n + 1}, ${form}`, platform));
  }
  write('several', { keys: { first: first.pem, second: second.pem }, images });
}

/** Written into the log: with a key, and with certificates. */
async function withLog(): Promise<void> {
  const key = newKey();
  const { key: file } = await cosign.importKey('logged', key);
  const images: RecordedImage[] = [];
  const ways: readonly [string, string[]][] = [
    ['key', ['--key', file]],
    ['certificate', ['--identity-token', token]],
  ];
  for (const [name, way] of ways) {
    for (const form of forms) {
      for (const timestamps of [false, true]) {
        const image = await newImage(repository());
        await cosign.run('sign', ...way, ...cosign.services(form, services, { timestamps }), image.reference);
        images.push(await record(`${name}${timestamps ? ' and timestamp' : ''}, ${form}`, image));
      }
    }
  }
  write('logged', { keys: { release: key.pem }, trustedRoot: services.trustedRoot, identity, images });
}

try {
  for (const kind of ['P-256', 'P-384', 'P-521', 'RSA-3072', 'Ed25519'] as const) await byKey(kind);
  await several();
  await withLog();
} finally {
  await services.stop();
  await server.stop();
  removeDirectory(directory);
}
