/** Signatures in the form of cosign 1 and 2: layers of the tag `sha256-<hex>.sig`, their signatures in annotations. */
import type { TestImage } from './image.ts';
import { signBytes, type TestKey } from './keys.ts';
import { type Json, type Repository, type Stored, types } from './repository.ts';

export const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const signatureNote = 'dev.cosignproject.cosign/signature';
export const bundleNote = 'dev.sigstore.cosign/bundle';
export const certificateNote = 'dev.sigstore.cosign/certificate';
export const chainNote = 'dev.sigstore.cosign/chain';

export interface SignedLayer {
  payload: Buffer;
  annotations: Record<string, string>;
  mediaType?: string;
  /** What its descriptor says, where that is not the truth. */
  size?: number;
}

export interface PayloadParts {
  reference?: unknown;
  type?: string;
  optional?: unknown;
  /** Members beside `critical` and `optional`. */
  more?: Json;
}

/** What is signed: the very bytes of the layer. */
export function payloadOf(image: Pick<TestImage, 'digest' | 'repository'>, o: PayloadParts = {}): Buffer {
  const { type = 'cosign container image signature', optional = null, more = {} } = o;
  const identity = { 'docker-reference': 'reference' in o ? o.reference : image.repository.name };
  const critical = { identity, image: { 'docker-manifest-digest': image.digest }, type };
  return Buffer.from(JSON.stringify({ critical, optional, ...more }));
}

export function signedLayer(
  key: TestKey,
  payload: Buffer,
  o: { hash?: string | null; notes?: Record<string, string> } = {},
): SignedLayer {
  const signature = signBytes(key, payload, ...('hash' in o ? [o.hash] : []));
  return { payload, annotations: { [signatureNote]: signature.toString('base64'), ...o.notes } };
}

/** One descriptor of a layer whose bytes are in the repository. */
export async function layerIn(repository: Repository, layer: SignedLayer): Promise<Stored & Json> {
  const blob = await repository.blob(layer.payload, layer.mediaType ?? simpleSigning);
  return { ...blob, ...(layer.size === undefined ? {} : { size: layer.size }), annotations: layer.annotations };
}

/** Writes the tag anew with these layers. */
export async function pushLayers(
  repository: Repository,
  of: string,
  layers: readonly SignedLayer[],
  suffix: 'sig' | 'att' = 'sig',
): Promise<Stored> {
  const config = await repository.blob({ architecture: '', os: '', rootfs: { type: 'layers', diff_ids: [] } }, types.config);
  const descriptors: Json[] = [];
  for (const layer of layers) descriptors.push(await layerIn(repository, layer));
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: descriptors };
  return repository.manifest(manifest, { tag: `${of.replace(':', '-')}.${suffix}` });
}

/** Signs an image with each of the keys. */
export async function signImageWith(image: TestImage, ...keys: readonly TestKey[]): Promise<void> {
  await pushLayers(
    image.repository,
    image.digest,
    keys.map(key => signedLayer(key, payloadOf(image))),
  );
}
