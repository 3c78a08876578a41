/** Envelopes of signed statements (DSSE, https://github.com/secure-systems-lab/dsse). Pure. */
import { RefusedCandidate } from './refused.ts';
import { base64Of, objectOf, onlyMembers, parseObject, stringOf } from './strict-json.ts';

export interface Envelope {
  payloadType: string;
  payload: Buffer<ArrayBuffer>;
  signature: Buffer<ArrayBuffer>;
}

/**
 * An envelope with exactly one signature: with two, readers differ in which of them counts, and for what.
 * @throws RefusedCandidate `Malformed`, `SeveralSignatures`
 */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const envelope = parseObject(bytes, 'the envelope');
  onlyMembers(envelope, ['payloadType', 'payload', 'signatures'], 'the envelope');
  const { signatures } = envelope;
  if (!Array.isArray(signatures) || signatures.length !== 1) {
    const count = Array.isArray(signatures) ? `${signatures.length} signatures` : 'no list of signatures';
    throw new RefusedCandidate('SeveralSignatures', `the envelope has ${count}; sign again, with one signature in each envelope`);
  }
  const only = objectOf(signatures[0], 'the signature of the envelope');
  return {
    payloadType: stringOf(envelope['payloadType'], 'payloadType'),
    payload: base64Of(envelope['payload'], 'the payload'),
    signature: base64Of(only['sig'], 'the signature'),
  };
}

/** The bytes that the signature of an envelope is over (pre-authentication encoding): lengths in bytes, in decimal. */
export function preAuthEncoding({ payloadType, payload }: Pick<Envelope, 'payloadType' | 'payload'>): Buffer<ArrayBuffer> {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
