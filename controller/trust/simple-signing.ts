/** What a payload of simple signing claims (cosign's SIGNATURE_SPEC, as strictly as containers/image reads it). Pure. */
import { simpleSigningType } from './cosign-forms.ts';
import { RefusedCandidate, quoted } from './refused.ts';
import { objectOf, onlyMembers, parseObject, stringOf } from './strict-json.ts';

/**
 * Checks that a payload claims an image of this digest. The name in it (docker-reference) is not compared, and returned: an image keeps its signatures when
 * it is mirrored, and the digest says which it is. Hosts compare it, as their policy.json says.
 * @throws RefusedCandidate `Malformed`, `WrongType`, `WrongDigest`
 */
export function checkPayload(bytes: Uint8Array, digest: string): { reference: string } {
  const payload = parseObject(bytes, 'the payload');
  onlyMembers(payload, ['critical', 'optional'], 'the payload');
  const critical = objectOf(payload['critical'], 'critical');
  onlyMembers(critical, ['type', 'image', 'identity'], 'critical');
  const type = stringOf(critical['type'], 'critical.type');
  if (type !== simpleSigningType) {
    throw new RefusedCandidate('WrongType', `the payload is of type ${quoted(type)}, not ${quoted(simpleSigningType)}`);
  }
  const identity = objectOf(critical['identity'], 'critical.identity');
  onlyMembers(identity, ['docker-reference'], 'critical.identity');
  const reference = stringOf(identity['docker-reference'], 'docker-reference');
  const image = objectOf(critical['image'], 'critical.image');
  onlyMembers(image, ['docker-manifest-digest'], 'critical.image');
  const signed = stringOf(image['docker-manifest-digest'], 'docker-manifest-digest');
  if (signed !== digest) {
    throw new RefusedCandidate(
      'WrongDigest',
      `the payload is of ${quoted(signed)}, not of this image; it was copied here, or the tag is wrong`,
    );
  }
  const { optional } = payload;
  if (optional !== undefined && optional !== null) objectOf(optional, 'optional');
  return { reference };
}
