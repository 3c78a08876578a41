/** Signs the artifacts of an addon in one pass: those that were made just now, and those that lack a signature of a present key. Keys never leave the controller. */
import { isDeepStrictEqual } from 'node:util';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { SystemAddon, SystemAddonSpecVariant } from '../api/system-addon.ts';
import { systemsources } from '../api/system-source.ts';
import type { ImageTrust } from '../definition/image-trust.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { ImageVerifier } from '../trust/image-verifier.ts';
import { addonProvenanceOf, provenancePredicateType } from '../trust/provenance.ts';
import { pushSignatures } from '../trust/push-signature.ts';
import { readBack } from '../trust/read-back.ts';
import type { Said } from '../trust/sign-image.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import { version } from '../version.ts';
import { type KnownOrigin, vouches, vouchingSource } from './known-origin.ts';
import type { AddonReason } from './reasons.ts';
import type { Artifact } from './status.ts';
import type { UnsignedArtifacts } from './unsigned-artifacts.ts';
import { variantName } from './variant.ts';

/** What signing needs of the program. */
export interface SigningServices {
  /**
   * The present key of an addon, and the one before it where it signs as well; none without `signing`.
   * @throws WaitingError `SigningKeyNotFound`, `SigningKeyNotAllowed`; StallingError `SigningKeyInvalid`
   */
  keys: (of: Pick<SystemAddon['spec'], 'signing' | 'output'>) => Promise<SigningKey[]>;
  /** Reads back what was signed. */
  verifier: Pick<ImageVerifier, 'verify'>;
}

export interface ArtifactSigningOptions extends SigningServices {
  client: Client;
  registry: Registry;
  /** Of the pass. */
  trust: ImageTrust;
  auth: () => Promise<DockerConfig | undefined>;
  signal: AbortSignal;
  /** A person asked: what is there is looked at once more. */
  requested: boolean;
  /** Shared by all passes. */
  unsigned: UnsignedArtifacts;
  /** Milliseconds that never go back. */
  clock: () => number;
}

type Marks = Pick<Artifact, 'signatures' | 'attestations'>;

/** One pass over one addon. */
export class ArtifactSigning {
  readonly #addon: SystemAddon;
  readonly #o: ArtifactSigningOptions;
  #keys: Promise<SigningKey[]> | undefined;
  #origin: Promise<KnownOrigin | 'later' | undefined> | undefined;

  constructor(addon: SystemAddon, options: ArtifactSigningOptions) {
    this.#addon = addon;
    this.#o = options;
  }

  /** @throws what keeps the keys from being used: nothing is made that could not be signed */
  keys(): Promise<SigningKey[]> {
    return (this.#keys ??= this.#o.keys(this.#addon.spec));
  }

  /**
   * Has an artifact signed before it is given on. One that is not is remembered, and the last good one (`before`) stays meanwhile.
   * @param key of the variant, in `unsigned`
   * @returns the artifact with its signatures, and what is new for an event; none while the source has not said yet that it has applied the addon
   * @throws what `sign` does
   */
  async give(
    variant: SystemAddonSpecVariant,
    { artifact, before, key }: { artifact: Artifact; before: Artifact; key: string },
  ): Promise<{ artifact?: Artifact; note?: string }> {
    const { unsigned } = this.#o;
    const isNew = artifact.image !== before.image;
    if (isNew) unsigned.note(key, artifact);
    try {
      const signed = await this.sign(variant, artifact);
      if (signed === 'later') return {};
      unsigned.forget(key);
      const { signatures = [] } = signed.marks;
      const isSigned = !isNew && signed.isNew && !isDeepStrictEqual(signatures, before.signatures);
      const keys = [...new Set(signatures.map(({ key }) => `${key.slice(0, 16)}…`))];
      const note = `${variantName(variant)}: what was made before is signed by ${keys.join(' and ')}`;
      return { artifact: { ...artifact, ...signed.marks }, ...(isSigned ? { note } : {}) };
    } catch (error) {
      // The registry has lost it: it is made again.
      if (error instanceof Error && error.cause instanceof NotFoundError) unsigned.forget(key);
      throw error;
    }
  }

  /**
   * Signs an artifact where a signature or a statement is missing, and has it judged as any image is: what policies refuse is given to nobody.
   * @returns what is there of the present keys; `later` while the source has not said yet that it has applied the addon
   * @throws what `keys` does; TransientError `SigningFailed`, `SignatureLookupFailed`; StallingError with the judgement's reason
   */
  async sign(variant: SystemAddonSpecVariant, artifact: Artifact): Promise<{ marks: Marks; isNew: boolean } | 'later'> {
    const { image } = artifact;
    if (!this.#addon.spec.signing || image === undefined) return { marks: {}, isNew: false };
    const keys = await this.keys();
    let signed: { marks: Marks; isNew: boolean } = { marks: {}, isNew: false };
    if (this.#o.requested || lacks(artifact, keys, this.#provenance)) {
      const origin = this.#provenance ? await (this.#origin ??= this.#findOrigin()) : undefined;
      if (origin === 'later' && this.#isPatient) return 'later';
      const said = this.#provenance ? [this.#statement(variant, artifact, origin === 'later' ? undefined : origin)] : [];
      signed = { marks: await this.#push(image, said, keys), isNew: true };
    }
    await this.#o.trust.require({ what: `the artifact ${image}`, image });
    return signed;
  }

  get #isPatient(): boolean {
    const { uid = '', generation = 0 } = this.#addon.metadata;
    return this.#o.unsigned.waits(`${uid} ${generation}`, this.#o.clock());
  }

  get #provenance(): boolean {
    return this.#addon.spec.signing?.provenance ?? true;
  }

  async #push(image: string, said: readonly Said[], keys: readonly SigningKey[]): Promise<Marks> {
    const { registry, verifier, auth, signal } = this.#o;
    const at = image.lastIndexOf('@');
    // It has no tag: nodes are told digests alone.
    const target = { repository: image.slice(0, at), digest: image.slice(at + 1), reference: image, said };
    const credentials = await auth();
    try {
      const check = () => readBack(verifier, target, keys, credentials);
      const { signatures, attestations } = await pushSignatures(registry, target, keys, credentials, check);
      return {
        signatures: signatures.map(({ key, form }) => ({ key, form })),
        ...(attestations.length === 0
          ? {}
          : { attestations: attestations.map(({ key, predicateType }) => ({ key, predicateType })) }),
      };
    } catch (error) {
      if (signal.aborted || error instanceof StallingError) throw error;
      const { retryAfterMs } = error instanceof TransientError ? error : {};
      const message = `${image} is pushed, and could not be signed: ${messageOf(error)}`;
      const again = retryAfterMs === undefined ? {} : { retryAfterMs };
      throw new TransientError('SigningFailed' satisfies AddonReason, message, { cause: error, ...again });
    }
  }

  #statement({ platform, os }: SystemAddonSpecVariant, { source, inputs = '' }: Artifact, origin: KnownOrigin | undefined): Said {
    const { metadata, spec } = this.#addon;
    const { id, versionId, sysextLevel } = os;
    const declared = origin ? undefined : spec.sourceRef?.revision;
    return addonProvenanceOf({
      addon: metadata.name,
      platform,
      os: { id, ...(versionId === undefined ? {} : { versionId }), ...(sysextLevel === undefined ? {} : { sysextLevel }) },
      ...origin,
      ...(declared === undefined ? {} : { declared }),
      ...(source !== undefined && source.includes('@sha256:') ? { image: source } : {}),
      inputs,
      output: spec.output.repository,
      version,
    });
  }

  async #findOrigin(): Promise<KnownOrigin | 'later' | undefined> {
    const name = vouchingSource(this.#addon);
    const source = name === undefined ? undefined : await findObject(this.#o.client, systemsources, name);
    return source && vouches(source, this.#addon);
  }
}

/** Whether something of a present key is not known to be there: pure. */
export function lacks(marks: Marks, keys: readonly Pick<SigningKey, 'fingerprint'>[], provenance: boolean): boolean {
  const { signatures = [], attestations = [] } = marks;
  return keys.some(
    ({ fingerprint }) =>
      !['Signature', 'Bundle'].every(form => signatures.some(s => s.key === fingerprint && s.form === form)) ||
      (provenance && !attestations.some(a => a.key === fingerprint && a.predicateType === provenancePredicateType)),
  );
}
