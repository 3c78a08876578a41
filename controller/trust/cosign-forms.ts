/** The names that cosign has for where signatures are and what they are: of what is written and of what is read, so that both are one. */

/** A payload of simple signing, as a layer of the tag `sha256-<hex>.sig`. */
export const simpleSigningMediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** What such a payload says that it is. */
export const simpleSigningType = 'cosign container image signature';
/** A DSSE envelope, as a layer of the tag `sha256-<hex>.att`. */
export const envelopeMediaType = 'application/vnd.dsse.envelope.v1+json';
/** Of a referrer that cosign 2 made as an experiment. */
export const experimentalSignatureType = 'application/vnd.dev.cosign.artifact.sig.v1+json';
/** The bundles that are written. */
export const bundleMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Annotations of the layer of a signature. */
export const signatureAnnotations = {
  signature: 'dev.cosignproject.cosign/signature',
  certificate: 'dev.sigstore.cosign/certificate',
  logEntry: 'dev.sigstore.cosign/bundle',
  timestamp: 'dev.sigstore.cosign/rfc3161timestamp',
} as const;

/** Whether a media type is that of a bundle, of any version. */
export function isBundleType(mediaType: string): boolean {
  return /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d+\.\d+\+json|\+json;version=\d+\.\d+)$/.test(mediaType);
}

/** The tag that holds an image's signatures of the older form. */
export function signatureTag(digest: string): string {
  return `${digest.replace(':', '-')}.sig`;
}

/** The tag that holds an image's attestations of the older form. */
export function attestationTag(digest: string): string {
  return `${digest.replace(':', '-')}.att`;
}
