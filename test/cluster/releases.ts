/** The releases of Scantling that an installation can have: the one that these sources make, and the last one that was published. */
import { copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeTar } from '../../controller/definition/tar.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes, type Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { version } from '../../controller/version.ts';
import { operatorImages, type OperatorImages } from './images.ts';
import { lastRelease } from './last-release.ts';
import { programFor } from './program.ts';

const root = join(import.meta.dirname, '../..');

export interface Release {
  version: string;
  /** A path, as Helm takes it. */
  chart: string;
  images: OperatorImages;
  /** What the images run, as a program of this machine. */
  program: readonly [command: string, ...args: string[]];
}

/** Makes the images of these sources and pushes them to a registry that speaks plain http. `directory` keeps the program. */
export async function currentRelease(o: { registry: string; directory: string }): Promise<Release> {
  const images = await operatorImages(o.registry);
  const [node, built = ''] = await programFor({ source: false });
  // The bundle of the checkout is made anew by whoever runs something next.
  const bundle = join(o.directory, 'scantling.mjs');
  for (const name of modulesBeside(built)) copyFileSync(join(dirname(built), name), join(o.directory, name));
  return { version, chart: join(root, 'charts/scantling'), images, program: [node, bundle] };
}

/** The release before this one: its chart, and images like this one's with its bundle in them. */
export async function publishedRelease(current: Release): Promise<Release> {
  const { version, chart, bundle } = lastRelease();
  const images = await withBundle(current.images, bundle, version);
  return { version, chart, images, program: [current.program[0], bundle] };
}

/** The images of a release with the bundle of another in them. */
async function withBundle(images: OperatorImages, bundle: string, tag: string): Promise<OperatorImages> {
  const host = images.controller.slice(0, images.controller.indexOf('/'));
  const registry = createRegistry({ insecureHosts: new Set([host]), userAgent: 'scantling-test' });
  try {
    return {
      controller: await replaceBundle(registry, images.controller, { bundle, tag }),
      builder: await replaceBundle(registry, images.builder, { bundle, tag }),
    };
  } finally {
    await registry.close();
  }
}

/** The bundle, and what it loads from its own directory. */
function modulesBeside(bundle: string): string[] {
  return readdirSync(dirname(bundle)).filter(name => name.endsWith('.mjs'));
}

interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

/** Puts one more layer on an image and pushes it under another tag. */
async function replaceBundle(registry: Registry, image: string, o: { bundle: string; tag: string }): Promise<string> {
  const repository = image.slice(0, image.lastIndexOf(':'));
  const { mediaType, json } = await registry.manifest(image);
  const manifest = json as Manifest;
  const config = JSON.parse(Buffer.from(await registry.blob(repository, manifest.config.digest)).toString()) as {
    rootfs: { diff_ids: string[] };
    history?: unknown;
  };
  const files = modulesBeside(o.bundle).map(name => ({
    path: `app/${name}`,
    mode: 0o644,
    bytes: readFileSync(join(dirname(o.bundle), name)),
  }));
  const layer = writeTar(files);
  const digest = await registry.pushBlob(repository, layer);
  delete config.history; // of layers that are one more now
  config.rootfs.diff_ids.push(digest);
  const newConfig = Buffer.from(JSON.stringify(config));
  await registry.pushBlob(repository, newConfig);
  const layerType = mediaType === mediaTypes.dockerManifest ? mediaTypes.dockerLayer : mediaTypes.layer;
  const changed = {
    ...manifest,
    config: { ...manifest.config, digest: sha256(newConfig), size: newConfig.length },
    layers: [...manifest.layers, { mediaType: layerType, digest, size: layer.length }],
  };
  await registry.pushManifest(repository, { mediaType, bytes: Buffer.from(JSON.stringify(changed)), tag: o.tag });
  return `${repository}:${o.tag}`;
}
