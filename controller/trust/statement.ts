/** Statements about an image (in-toto), as envelopes carry them. Pure. */
import { checkSubjectCosts } from './costs.ts';
import type { Envelope } from './dsse.ts';
import { RefusedCandidate, quoted } from './refused.ts';
import { objectOf, parseObject, stringOf } from './strict-json.ts';

export const statementPayloadType = 'application/vnd.in-toto+json';
/** The one predicate that makes a statement a signature; every other one says something about an image and approves of nothing. */
export const signaturePredicateType = 'https://sigstore.dev/cosign/sign/v1';

const statementTypes: readonly unknown[] = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];

/** Bills of materials have many. */
const maxValues = 100_000;

export interface Statement {
  predicateType: string;
  predicate: unknown;
}

/**
 * The statement in an envelope, which must be about an image of this digest.
 * @throws RefusedCandidate `Malformed`, `TooLarge`, `WrongType`, `WrongDigest`
 */
export function readStatement({ payloadType, payload }: Pick<Envelope, 'payloadType' | 'payload'>, digest: string): Statement {
  if (payloadType !== statementPayloadType) {
    throw new RefusedCandidate('WrongType', `the payload is of type ${quoted(payloadType)}, not ${statementPayloadType}`);
  }
  const statement = parseObject(payload, 'the statement', maxValues);
  if (!statementTypes.includes(statement['_type'])) {
    throw new RefusedCandidate('WrongType', `the statement's _type is not one of in-toto's (${statementTypes.join(', ')})`);
  }
  const predicateType = stringOf(statement['predicateType'], 'predicateType');
  checkSubject(statement['subject'], digest);
  return { predicateType, predicate: statement['predicate'] };
}

function checkSubject(subject: unknown, digest: string): void {
  if (!Array.isArray(subject) || subject.length === 0) throw new RefusedCandidate('Malformed', 'the statement has no subject');
  checkSubjectCosts(subject);
  const hex = digest.replace(/^sha256:/, '');
  const digests = subject.map((entry: unknown) => {
    const object = objectOf(entry, 'a subject of the statement');
    return objectOf(object['digest'], 'the digest of a subject')['sha256'];
  });
  if (digests.includes(hex)) return;
  const named = digests.slice(0, 3).map(value => (typeof value === 'string' ? quoted(value) : 'no sha256'));
  throw new RefusedCandidate(
    'WrongDigest',
    `the statement is about ${named.join(', ')}, not about this image; it was copied here`,
  );
}
