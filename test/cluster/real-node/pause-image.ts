/** The image of a pod's sandbox, whose one process does nothing and so keeps the pod's namespaces. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeTar } from '../../../controller/definition/tar.ts';
import { sha256 } from '../../../controller/registry/digest.ts';
import { mediaTypes } from '../../../controller/registry/media-types.ts';
import { ProgramRoot } from '../program-root.ts';

export const pauseImage = 'scantling.test/pause:1';

const json = (value: object) => Buffer.from(JSON.stringify(value));
const describe = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: sha256(bytes), size: bytes.length });

/** Writes an OCI archive (image-layout.md of the image specification) with the image and returns its path. */
export function writePauseImage(directory: string): string {
  const layer = new ProgramRoot().addProgram('sleep').tar();
  const config = json({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/usr/bin/sleep', 'infinity'] },
    rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(mediaTypes.config, config),
    layers: [describe(mediaTypes.layer, layer)],
  });
  const annotations = { 'io.containerd.image.name': pauseImage };
  const index = { schemaVersion: 2, manifests: [{ ...describe(mediaTypes.manifest, manifest), annotations }] };
  const blobs = [layer, config, manifest].map(bytes => ({
    path: `blobs/${sha256(bytes).replace(':', '/')}`,
    mode: 0o644,
    bytes,
  }));
  const layout = { path: 'oci-layout', mode: 0o644, bytes: json({ imageLayoutVersion: '1.0.0' }) };
  const file = join(directory, 'pause.tar');
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, writeTar([layout, { path: 'index.json', mode: 0o644, bytes: json(index) }, ...blobs]));
  return file;
}
