/** What to say of a connection that failed, with what an administrator can do about it: pure. */
import { messageOf } from '../api/errors.ts';

/** Codes of Node.js (OpenSSL's reasons) for bytes that are no TLS: an answer in plain http. */
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_UNKNOWN_PROTOCOL']);
/** Codes of Node.js (tls) for a certificate whose authority is not known. */
const unknownAuthority = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Words for an error of a request's connection; the error's own where nothing better is known. */
export function connectionWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (notTls.has(code))
    return 'no TLS is spoken there; if it is meant to be plain http, say plainHTTP in registries.yaml or list it in --insecure-registries';
  if (unknownAuthority.has(code))
    return `${messageOf(error)}; name its authority in registries.yaml (ca or certSecretRef), if it is to be trusted`;
  return messageOf(error);
}
