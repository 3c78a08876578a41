/** DSSE envelopes of in-toto statements. */
import type { TestImage } from './image.ts';
import { signBytes, type TestKey } from './keys.ts';
import type { Json } from './repository.ts';

export const inToto = 'application/vnd.in-toto+json';
export const statementV1 = 'https://in-toto.io/Statement/v1';
export const signPredicate = 'https://sigstore.dev/cosign/sign/v1';
export const provenancePredicate = 'https://slsa.dev/provenance/v1';

export interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { sig: string; keyid?: string }[];
}

export interface StatementParts {
  /** Default: v1; undefined leaves it out. */
  type?: string | undefined;
  subject?: unknown;
  predicateType?: string;
  predicate?: unknown;
}

export function statementOf(image: Pick<TestImage, 'hex'>, o: StatementParts = {}): Json {
  return {
    _type: 'type' in o ? o.type : statementV1,
    subject: 'subject' in o ? o.subject : [{ digest: { sha256: image.hex } }],
    predicateType: o.predicateType ?? signPredicate,
    predicate: o.predicate ?? {},
  };
}

/** What is signed of an envelope: the type and the payload, each after its length in bytes. */
export function preAuthenticated(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** @param keys one signature of each */
export function envelopeOf(
  statement: Json | Buffer,
  keys: readonly TestKey[],
  o: { payloadType?: string; hash?: string | null } = {},
): Envelope {
  const { payloadType = inToto } = o;
  const payload = Buffer.isBuffer(statement) ? statement : Buffer.from(JSON.stringify(statement));
  const signed = preAuthenticated(payloadType, payload);
  const hash = 'hash' in o ? [o.hash] : [];
  const signatures = keys.map(key => ({ sig: signBytes(key, signed, ...hash).toString('base64') }));
  return { payload: payload.toString('base64'), payloadType, signatures };
}

export interface ProvenanceParts {
  builder?: string;
  source?: string;
  commit?: string;
}

/** SLSA provenance, as builders of Git repositories make it. */
export function provenanceOf(o: ProvenanceParts = {}): Json {
  const { builder = 'https://builder.example.com/one', source = 'https://git.example.com/os', commit = 'c'.repeat(40) } = o;
  return {
    buildDefinition: {
      buildType: 'https://builder.example.com/type/v1',
      externalParameters: { repository: source, ref: 'refs/heads/main' },
      resolvedDependencies: [{ uri: `git+${source}@refs/heads/main`, digest: { gitCommit: commit } }],
    },
    runDetails: { builder: { id: builder }, metadata: {} },
  };
}
