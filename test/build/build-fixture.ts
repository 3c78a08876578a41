import { gzipSync } from 'node:zlib';
import { foundationDigest } from '../../controller/build/context.ts';
import type { Context, Foundation } from '../../controller/build/context.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import type { TarEntry } from '../../controller/definition/tar.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { ProgramRoot, programPath } from '../cluster/program-root.ts';

const text = new TextEncoder();
const json = (value: unknown): Uint8Array => text.encode(JSON.stringify(value));

/** A foundation of these instructions on the base. */
export function foundationOf(instructions: string): Foundation {
  const inputs = { containerfile: `ARG SCANTLING_BASE\nFROM \${SCANTLING_BASE} AS base\n${instructions}`, args: {}, secrets: [] };
  return { ...inputs, digest: foundationDigest(inputs) };
}

/** A context of one finish layer for each record of files, and the foundation if any. */
export function contextOf(o: {
  definition: string;
  layers?: Record<string, string>[];
  containerfile?: string;
  labels?: Record<string, string>;
}): Context {
  const layers = (o.layers ?? []).map(files => writeTar(Object.entries(files).map(([path, content]) => file(path, content))));
  return {
    plan: {
      version: 2,
      definition: o.definition,
      ...(o.containerfile === undefined ? {} : { foundation: foundationOf(o.containerfile) }),
      layers: layers.map((bytes, i) => ({ digest: sha256(bytes), size: bytes.length, comment: `layer ${i}` })),
      labels: o.labels ?? {},
    },
    layers,
  };
}

function file(path: string, content: string | Uint8Array, mode = 0o644): TarEntry {
  return { path, mode, bytes: typeof content === 'string' ? text.encode(content) : content };
}

export interface PushedBase {
  /** `host/repository@digest` */
  image: string;
  digest: string;
  layers: string[];
}

/** Pushes a base of one platform with these layers (tar archives, compressed with gzip), in OCI's or Docker's format. */
export async function pushBase(
  registry: Registry,
  repository: string,
  o: {
    layers: Uint8Array[];
    architecture?: string;
    labels?: Record<string, string>;
    format?: 'oci' | 'docker';
    config?: object;
    tag?: string;
  },
): Promise<PushedBase> {
  const docker = o.format === 'docker';
  const blobs = o.layers.map(layer => gzipSync(layer, { level: 1 }));
  await Promise.all(blobs.map(blob => registry.pushBlob(repository, blob)));
  const config = json({
    architecture: o.architecture ?? 'amd64',
    os: 'linux',
    created: '2020-01-01T00:00:00Z',
    config: { Cmd: ['/sbin/init'], Env: ['PATH=/usr/bin:/bin'], Labels: o.labels ?? { 'containers.bootc': '1' } },
    rootfs: { type: 'layers', diff_ids: o.layers.map(sha256) },
    history: o.layers.map((_, i) => ({ created: '2020-01-01T00:00:00Z', created_by: `base ${i}` })),
    ...o.config,
  });
  await registry.pushBlob(repository, config);
  const manifest = json({
    schemaVersion: 2,
    mediaType: docker ? mediaTypes.dockerManifest : mediaTypes.manifest,
    config: { mediaType: docker ? mediaTypes.dockerConfig : mediaTypes.config, digest: sha256(config), size: config.length },
    layers: blobs.map(blob => ({
      mediaType: docker ? mediaTypes.dockerLayerGzip : mediaTypes.layerGzip,
      digest: sha256(blob),
      size: blob.length,
    })),
  });
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const digest = await registry.pushManifest(repository, {
    mediaType,
    bytes: manifest,
    ...(o.tag === undefined ? {} : { tag: o.tag }),
  });
  return { image: `${repository}@${digest}`, digest, layers: blobs.map(sha256) };
}

const programs = ['sh', 'cat', 'sleep', 'mkdir', 'ln', 'env'];

/** A root file system with this machine's shell and a few programs: enough for RUN steps, on any machine that has them itself. */
export function shellLayer(): Uint8Array {
  const root = new ProgramRoot();
  for (const name of programs) root.addProgram(name);
  return root.add(file('etc/os-release', 'ID=test\n'), file('tmp/.keep', '')).tar();
}

/** Why tests with buildah cannot run here; false when they can. With CI set they must. */
export function withoutBuildah(): string | false {
  const missing = ['buildah', 'ldd', ...programs].filter(name => programPath(name) === undefined);
  const reason =
    process.getuid?.() !== 0 ? 'buildah needs root here' : missing.length > 0 ? `${missing.join(', ')} not installed` : undefined;
  if (reason !== undefined && process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason ?? false;
}
