/** Puts signatures and statements beside an image in its registry. What is there is found and not added again; what others wrote stays. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest, sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import { bundleMediaType, signatureTag } from './cosign-forms.ts';
import type { SigningReason } from './reasons.ts';
import {
  bundleConfig,
  bundleManifest,
  bundleOf,
  isBundleOf,
  isSignatureLayer,
  signatureLayer,
  signed,
  simpleSigningPayload,
  statementOf,
} from './sign-image.ts';
import type { Said } from './sign-image.ts';
import type { SigningKey } from './signing-key.ts';

export interface SigningTarget {
  /** `host/repository`. */
  repository: string;
  /** Of an index or of a manifest, which is there. */
  digest: string;
  /** `host/repository:tag`, as hosts may name what they pull. */
  reference: string;
  /** What is said of it beside that it is signed. */
  said: readonly Said[];
}

/** As ImageBuild's status has them. */
export interface Signatures {
  signatures: { digest: string; key: string; form: 'Signature' | 'Bundle' }[];
  attestations: { digest: string; key: string; predicateType: string }[];
}

/** What is looked at of others' to find ours; who has more signed is signed again. */
const maxReferrers = 64;
/** Verifiers read no larger one. */
export const maxBundleBytes = 1024 * 1024;
const maxConfigBytes = 1024 * 1024;

/**
 * Signs with every key, in both forms, and says the same with each.
 * @param check looks whether what was written holds. It is asked once all is there, while it is still watched that it stays; if it failed then, again after that.
 * @returns all that is there now of these keys, whether it was added or found
 * @throws TransientError `SigningFailed`, and what the registry throws
 */
export async function pushSignatures(
  registry: Registry,
  target: SigningTarget,
  keys: readonly SigningKey[],
  auth: DockerConfig | undefined,
  check: () => Promise<void> = async () => undefined,
): Promise<Signatures> {
  const { digest } = target;
  const to = { registry, auth };
  const layers = Promise.withResolvers<void>();
  const bundles = Promise.withResolvers<void>();
  const early = Promise.all([layers.promise, bundles.promise]).then(check);
  // Somebody may have taken away for a moment what is watched; what is wrong for longer is said below.
  const holds = early.then(
    () => true,
    () => false,
  );
  await Promise.all([pushLayers(to, target, keys, layers.resolve), pushBundles(to, target, keys, bundles.resolve)]);
  if (!(await holds)) await check();
  const each = <T>(make: (key: string) => T[]): T[] => keys.flatMap(({ fingerprint }) => make(fingerprint));
  return {
    signatures: each(key => [
      { digest, key, form: 'Signature' as const },
      { digest, key, form: 'Bundle' as const },
    ]),
    attestations: each(key => target.said.map(({ predicateType }) => ({ digest, key, predicateType }))),
  };
}

interface To {
  registry: Registry;
  auth: DockerConfig | undefined;
}

/** The form that hosts read: a layer for each key in the manifest behind one tag. */
async function pushLayers(
  { registry, auth }: To,
  { repository, digest, reference }: SigningTarget,
  keys: readonly SigningKey[],
  written: () => void,
): Promise<void> {
  const tag = signatureTag(digest);
  const payload = simpleSigningPayload({ reference, digest });
  // Made once, so that what has to be added again is the same.
  const made = new Map<SigningKey, Descriptor>();
  const layerOf = (key: SigningKey): Descriptor => {
    const layer = made.get(key) ?? signatureLayer(payload, key);
    made.set(key, layer);
    return layer;
  };
  await registry.amendTag(
    repository,
    tag,
    async current => {
      const layers = current ? layersOf(current, `${repository}:${tag}`) : [];
      const missing = keys.filter(key => !layers.some(layer => isSignatureLayer(layer, payload, key)));
      if (missing.length === 0) return undefined;
      const all = [...layers, ...missing.map(layerOf)];
      const config = configOf(current && (await readConfig(registry, repository, current, auth)), all);
      // Where nothing is signed yet, nobody has pushed these.
      const o = { isNew: current === undefined };
      await Promise.all([payload, config].map(bytes => registry.pushBlob(repository, bytes, auth, o)));
      return { mediaType: mediaTypes.manifest, bytes: manifestOf(current, config, all) };
    },
    auth,
    { written },
  );
}

function layersOf({ json, mediaType }: Manifest, what: string): Descriptor[] {
  const { layers } = json as { layers?: unknown };
  const right = Array.isArray(layers) && layers.every(isDescriptor);
  if (mediaType === mediaTypes.manifest && right) return layers;
  const message = `${what} is no list of signatures; it is left as it is, and has to be deleted before the image can be signed`;
  throw new TransientError('SigningFailed' satisfies SigningReason, message);
}

/** With all that others wrote into it. */
function manifestOf(current: Manifest | undefined, config: Uint8Array, layers: readonly Descriptor[]): Uint8Array {
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    ...(current?.json as object | undefined),
    config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
    layers,
  };
  return Buffer.from(JSON.stringify(manifest));
}

interface ImageConfig {
  rootfs?: { type?: string; diff_ids?: unknown };
}

/** Others' signers read it as the configuration of an image, which names each layer. */
function configOf(present: ImageConfig | undefined, layers: readonly Descriptor[]): Buffer {
  const base = present ?? { architecture: '', os: '', created: '0001-01-01T00:00:00Z', config: {} };
  const rootfs = { ...present?.rootfs, type: 'layers', diff_ids: layers.map(layer => layer.digest) };
  return Buffer.from(JSON.stringify({ ...base, rootfs }));
}

/** Undefined where there is none that can be gone on with; it is only read by who adds to it. */
async function readConfig(
  registry: Registry,
  repository: string,
  { json }: Manifest,
  auth: DockerConfig | undefined,
): Promise<ImageConfig | undefined> {
  const { config } = json as { config?: unknown };
  if (!isDescriptor(config) || config.size > maxConfigBytes) return undefined;
  try {
    const bytes = await registry.blob(repository, config.digest, auth, maxConfigBytes, config.size);
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function pushBundles(
  { registry, auth }: To,
  { repository, digest, said }: SigningTarget,
  keys: readonly SigningKey[],
  written: () => void,
): Promise<void> {
  const [{ mediaType, bytes: image }, present] = await Promise.all([
    registry.manifest(`${repository}@${digest}`, auth),
    readBundles(registry, repository, digest, auth),
  ]);
  const subject = { mediaType, digest, size: image.length };
  const statements = [signed, ...said].map(each => ({ ...each, statement: statementOf(digest, each) }));
  const wanted = keys.flatMap(key => statements.map(each => ({ ...each, key })));
  const missing = wanted.filter(({ statement, key }) => !present.some(bundle => isBundleOf(bundle, statement, key)));
  const made = missing.map(({ statement, predicateType, key }) => {
    const bundle = bundleOf(statement, key);
    if (bundle.length > maxBundleBytes) {
      const message = `the statement ${predicateType} about ${repository}@${digest} is larger than ${maxBundleBytes} bytes`;
      throw new StallingError('SigningFailed' satisfies SigningReason, message);
    }
    return { bundle, bytes: bundleManifest(bundle, subject, predicateType) };
  });
  await Promise.all([
    ...(made.length === 0 ? [] : [registry.pushBlob(repository, bundleConfig, auth)]),
    ...made.map(({ bundle }) => registry.pushBlob(repository, bundle, auth, { isNew: true })),
  ]);
  const manifests = made.map(({ bytes }) => ({ mediaType: mediaTypes.manifest, bytes }));
  await registry.pushManifests(repository, manifests, auth, { written });
}

/** Bundles that refer to an image, whoever made them. What a list says of an entry is not relied on: some registries say less, some something else. */
async function readBundles(
  registry: Registry,
  repository: string,
  digest: string,
  auth: DockerConfig | undefined,
): Promise<Uint8Array[]> {
  const entries = await registry.referrers(repository, digest, auth);
  const unclear: readonly (string | undefined)[] = [undefined, mediaTypes.empty, bundleMediaType];
  const candidates = entries.filter(({ artifactType }) => unclear.includes(artifactType)).slice(0, maxReferrers);
  const read = await Promise.all(candidates.map(entry => readBundle(registry, repository, entry, auth)));
  return read.filter(bundle => bundle !== undefined);
}

async function readBundle(
  registry: Registry,
  repository: string,
  entry: Descriptor,
  auth: DockerConfig | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const { json } = await registry.manifest(`${repository}@${entry.digest}`, auth, entry.size);
    const { layers } = json as { layers?: unknown };
    const layer: unknown = Array.isArray(layers) ? layers[0] : undefined;
    if (!isDescriptor(layer) || layer.mediaType !== bundleMediaType || layer.size > maxBundleBytes) return undefined;
    return await registry.blob(repository, layer.digest, auth, maxBundleBytes, layer.size);
  } catch (error) {
    // Listed and gone; or an index, or nothing that can be read, which is nobody's bundle.
    if (error instanceof NotFoundError || error instanceof StallingError) return undefined;
    throw error;
  }
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false;
  const { mediaType, digest, size } = value as Partial<Record<keyof Descriptor, unknown>>;
  return typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
}
