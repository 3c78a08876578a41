/** The signatures that hosts look at: layers behind the tag `sha256-<hex>.sig`. A look-up that failed is never taken for one that found none. */
import { StallingError, TransientError, messageOf } from '../../api/errors.ts';
import type { DockerConfig } from '../../registry/credentials.ts';
import { NotFoundError, TooLargeError } from '../../registry/errors.ts';
import type { Registry } from '../../registry/registry.ts';
import { signatureAnnotations, signatureTag, simpleSigningMediaType } from '../../trust/cosign-forms.ts';

export interface AttachedSignature {
  payload: Uint8Array;
  /** Base64. */
  signature: string;
}

export interface Attached {
  signatures: readonly AttachedSignature[];
  /** What is listed there and could not be had, or is not looked at. It might have been the one that counts. */
  doubtful: readonly string[];
}

/** The bounds of the controller, which judges the same (candidates.ts). */
const maxTagBytes = 1024 * 1024;
const maxPayloadBytes = 1024 * 1024;
const maxLooked = 64;

/**
 * @param image `host/repository@digest`
 * @throws TransientError `SignatureLookupFailed`, with the registry's words
 */
export async function attachedSignatures(
  registry: Pick<Registry, 'manifest' | 'blob'>,
  image: string,
  auth: DockerConfig | undefined,
): Promise<Attached> {
  const at = image.lastIndexOf('@');
  const repository = image.slice(0, at);
  const tag = `${repository}:${signatureTag(image.slice(at + 1))}`;
  try {
    const { json } = await registry.manifest(tag, auth, undefined, maxTagBytes);
    const layers = layersOf(json);
    if (!layers) return { signatures: [], doubtful: [`${tag} is no list of signatures`] };
    const signatures: AttachedSignature[] = [];
    const doubtful = layers.length > maxLooked ? [`${tag} has more than ${maxLooked} signatures`] : [];
    for (const { digest, size, signature } of layers.slice(0, maxLooked)) {
      try {
        signatures.push({ payload: await registry.blob(repository, digest, auth, maxPayloadBytes, size), signature });
      } catch (error) {
        if (!isDefinite(error)) throw error;
        doubtful.push(messageOf(error));
      }
    }
    return { signatures, doubtful };
  } catch (error) {
    if (error instanceof NotFoundError) return { signatures: [], doubtful: [] };
    throw lookupFailed(image, messageOf(error), error);
  }
}

export function lookupFailed(image: string, why: string, cause?: unknown): TransientError {
  const after = cause instanceof TransientError && cause.retryAfterMs !== undefined ? { retryAfterMs: cause.retryAfterMs } : {};
  const message = `the signatures of ${image} could not be looked up, which does not mean that there are none: ${why}`;
  return new TransientError('SignatureLookupFailed', message, { ...(cause === undefined ? {} : { cause }), ...after });
}

/** What trying again does not change by itself. */
function isDefinite(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof TooLargeError || error instanceof StallingError;
}

function layersOf(json: unknown): { digest: string; size: number; signature: string }[] | undefined {
  const { layers } = (json ?? {}) as { layers?: unknown };
  if (!Array.isArray(layers)) return undefined;
  return layers.flatMap((layer: unknown) => {
    const { mediaType, digest, size, annotations } = (layer ?? {}) as Record<string, unknown>;
    const signature = ((annotations ?? {}) as Record<string, unknown>)[signatureAnnotations.signature];
    const isOne = mediaType === simpleSigningMediaType && typeof signature === 'string';
    return isOne && typeof digest === 'string' && typeof size === 'number' ? [{ digest, size, signature }] : [];
  });
}
