/**
 * The services of sigstore as @sigstore/mock has them (certificate authority with its log, transparency log, timestamp service), behind one plain
 * HTTP server, with what clients need to know to use and to trust them.
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  rekorHandler,
  tsaHandler,
} from '@sigstore/mock';
import { canonical } from './corpus/transparency-log.ts';
import type { Json } from './corpus/repository.ts';

export interface SigstoreServices {
  url: string;
  /** Where cosign asks for timestamps; @sigstore/sign asks at `url`. */
  timestampURL: string;
  /** A trusted_root.json. */
  trustedRoot: string;
  /** What `cosign --signing-config` reads: with the timestamp service, or without. */
  signingConfig(o: { timestamps: boolean }): string;
  /** A token of an identity, which nobody checks. */
  token(identity: { issuer: string; subject: string }): string;
  stop(): Promise<void>;
}

const part = (value: object): string => Buffer.from(Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString('base64url');

interface Answer {
  statusCode: number;
  response: string | ArrayBufferView;
  contentType?: string;
  /** Name of what was made. */
  etag?: string;
}

const newPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();
const bytesOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** Starts them; they answer until they are stopped. */
export async function startSigstoreServices(): Promise<SigstoreServices> {
  const certificateLog = await initializeCTLog(newPair());
  const authority = await initializeCA(newPair(), certificateLog);
  const timestamps = await initializeTSA(newPair());
  // A connection that is closed for idleness just when a client writes on it would look like a service that fails.
  const server = createServer({ keepAliveTimeout: 600_000 });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const log = await initializeTLog(url, newPair());

  const fulcio = fulcioHandler(authority);
  const rekor = rekorHandler(log);
  const stamp = tsaHandler(timestamps);
  const serve = (path: string, body: Buffer, authorization: string): Promise<Answer> => {
    if (path === fulcio.path) return certify(body, authorization);
    if (path === rekor.path) return enter(body);
    if (path === stamp.path) return stamp.fn(body.toString());
    if (path === '/timestamp') return timestampOf(body);
    return Promise.resolve({ statusCode: 404, response: '' });
  };

  server.on('request', (request, response) => {
    answer(request, response, serve).catch(() => response.destroy());
  });

  /** cosign takes a certificate with 200 only, as Fulcio answers. */
  async function certify(body: Buffer, authorization: string): Promise<Answer> {
    const made = await fulcio.fn(JSON.stringify(withToken(JSON.parse(body.toString()) as Json, authorization)));
    return made.statusCode === 201 ? { ...made, statusCode: 200 } : made;
  }

  /** cosign looks its entry up by the name that is in a header, which the handler does not give. */
  async function enter(proposed: Buffer): Promise<Answer> {
    const made = await rekor.fn(JSON.stringify(entered(JSON.parse(proposed.toString()) as Proposed)));
    if (typeof made.response !== 'string' || made.statusCode !== 201) return made;
    const [etag = ''] = Object.keys(JSON.parse(made.response) as Json);
    return { ...made, etag };
  }

  /** The request as RFC 3161 has it, of which only the digest matters: the one octet string of 32 bytes. */
  async function timestampOf(request: Buffer): Promise<Answer> {
    const at = request.indexOf(Buffer.from([0x04, 0x20])) + 2;
    const artifactHash = request.subarray(at, at + 32);
    const sha256OID = '2.16.840.1.101.3.4.2.1';
    const response = await timestamps.timestamp({
      artifactHash,
      hashAlgorithmOID: sha256OID,
      nonce: 1,
      policyOID: '1.3.6.1.4.1.57264.2',
      certReq: true,
    });
    return { statusCode: 200, response, contentType: 'application/timestamp-reply' };
  }

  const start = new Date(Date.now() - 3_600_000).toISOString();
  const instance = (key: Uint8Array): Json => ({
    baseUrl: url,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(key), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start } },
    logId: { keyId: base64(sha256(key)) },
  });
  const chain = (...certificates: ArrayBufferView[]): Json => ({
    subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
    uri: url,
    certChain: { certificates: certificates.map(certificate => ({ rawBytes: base64(bytesOf(certificate)) })) },
    validFor: { start },
  });
  const trustedRoot = JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [instance(log.publicKey)],
    certificateAuthorities: [chain(authority.rootCertificate)],
    ctlogs: [instance(certificateLog.publicKey)],
    timestampAuthorities: [chain(timestamps.intCertificate, timestamps.rootCertificate)],
  });
  const service = (at: string): Json => ({ url: at, majorApiVersion: 1, validFor: { start }, operator: 'sigstore.mock' });

  return {
    url,
    timestampURL: `${url}/timestamp`,
    trustedRoot,
    signingConfig: ({ timestamps: stamped }) =>
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
        caUrls: [service(url)],
        oidcUrls: [],
        rekorTlogUrls: [service(url)],
        rekorTlogConfig: { selector: 'ANY' },
        tsaUrls: stamped ? [service(`${url}/timestamp`)] : [],
        tsaConfig: { selector: 'ANY' },
      }),
    token: ({ issuer, subject }) => {
      const claims = { iss: issuer, sub: subject, aud: 'sigstore', exp: Math.floor(Date.now() / 1000) + 3600 };
      return [part({ alg: 'RS256', typ: 'JWT' }), part(claims), part(randomBytes(256))].join('.');
    },
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  serve: (path: string, body: Buffer, authorization: string) => Promise<Answer>,
): Promise<void> {
  const body = Buffer.concat((await request.toArray()) as Buffer[]);
  const {
    statusCode,
    response: content,
    contentType = 'text/plain',
    etag,
  } = await serve(request.url ?? '', body, request.headers.authorization ?? '');
  response.writeHead(statusCode, { 'content-type': contentType, ...(etag === undefined ? {} : { etag }) });
  response.end(typeof content === 'string' ? content : bytesOf(content));
}

/** cosign sends the token as a header, sigstore's library in the body, which is where the handler looks. */
function withToken(request: Json, authorization: string): Json {
  if (request['credentials'] !== undefined) return request;
  return { ...request, credentials: { oidcIdentityToken: authorization.replace(/^Bearer /, '') } };
}

interface Proposed {
  kind: string;
  apiVersion: string;
  spec: { proposedContent?: { envelope: string; verifiers: string[] } };
}

/** The entry that a log makes of a proposed one: of an envelope it keeps hashes and signatures only. */
function entered({ kind, apiVersion, spec }: Proposed): Json {
  if (kind !== 'dsse' || !spec.proposedContent) return { kind, apiVersion, spec };
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] };
  return JSON.parse(
    canonical({
      kind,
      apiVersion,
      spec: {
        envelopeHash: { algorithm: 'sha256', value: sha256(envelope).toString('hex') },
        payloadHash: { algorithm: 'sha256', value: sha256(Buffer.from(payload, 'base64')).toString('hex') },
        signatures: signatures.map(({ sig }, n) => ({ signature: sig, verifier: verifiers[n] ?? verifiers[0] })),
      },
    }),
  ) as Json;
}
