/**
 * What the host's policy.json does to a pull, as skopeo's image proxy reads it for bootc: on every pull, with or without --enforce-container-sigpolicy, which adds one thing
 * alone. Of the requirements those that Scantling writes are known. A host without any policy accepts everything here, where a real one refuses: every distribution has a file.
 */
import { createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** An image that the policy does not accept, in the words of containers/image. */
export class PolicyError extends Error {}

/** A layer of the tag that holds an image's signatures. */
export interface AttachedSignature {
  payload: Buffer;
  signature: string | undefined;
}

export interface JudgedImage {
  /** `host/repository`, and what follows it. */
  name: string;
  reference: string;
  /** Of what the reference names. */
  digest: string;
  /** Asks the registry. */
  signatures(): Promise<AttachedSignature[]>;
}

interface Requirement {
  type: string;
  keyData?: string;
  keyDatas?: string[];
  signedIdentity?: { type: string };
}

interface Policy {
  default?: Requirement[];
  transports?: Record<string, Record<string, Requirement[]>>;
}

/** True when the first policy.json in bootc's order accepts everything by default: what the flag is for. */
export function policyDefaultAccepts(root: string): boolean {
  const policy = readPolicy(root);
  return policy?.default?.length === 1 && policy.default[0]?.type === 'insecureAcceptAnything';
}

/** Throws PolicyError for an image that the host's policy does not accept. */
export async function admit(root: string, image: JudgedImage): Promise<void> {
  const policy = readPolicy(root);
  if (!policy) return;
  const scopes = policy.transports?.['docker'] ?? {};
  const scope = namespaces(image.name).find(candidate => scopes[candidate]);
  const requirements = (scope === undefined ? policy.default : scopes[scope]) ?? [];
  const looks = looksForSignatures(root, image.name);
  for (const requirement of requirements) {
    if (requirement.type === 'insecureAcceptAnything') continue;
    if (requirement.type === 'reject') throw new PolicyError(`Running image docker://${image.reference} is rejected by policy.`);
    if (requirement.type !== 'sigstoreSigned') throw new Error(`the fake host does not know requirements of ${requirement.type}`);
    requireSigned(requirement, image, looks ? await image.signatures() : []);
  }
}

function requireSigned(requirement: Requirement, image: JudgedImage, signatures: readonly AttachedSignature[]): void {
  if (signatures.length === 0) throw new PolicyError('A signature was required, but no signature exists');
  const refusals = signatures.map(signature => refusalOf(requirement, image, signature));
  if (refusals.includes(undefined)) return;
  const [only] = refusals;
  throw new PolicyError(refusals.length === 1 ? only : `None of the signatures were accepted, reasons: ${refusals.join('; ')}`);
}

function refusalOf(requirement: Requirement, image: JudgedImage, { payload, signature }: AttachedSignature): string | undefined {
  if (signature === undefined) return 'missing dev.cosignproject.cosign/signature annotation';
  const { keyData, keyDatas = [] } = requirement;
  const keys = [...(keyData === undefined ? [] : [keyData]), ...keyDatas].map(data => Buffer.from(data, 'base64').toString());
  if (!keys.some(key => isSigned(key, payload, signature)))
    return 'cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature';
  const { critical } = JSON.parse(payload.toString()) as {
    critical: { identity: { 'docker-reference': string }; image: { 'docker-manifest-digest': string } };
  };
  const digest = critical.image['docker-manifest-digest'];
  if (digest !== image.digest) return `Signature for digest ${digest} does not match`;
  const reference = critical.identity['docker-reference'];
  if (requirement.signedIdentity?.type !== 'matchRepository') throw new Error('the fake host compares repositories only');
  return reference.replace(/:[^/]*$/, '') === image.name ? undefined : `Signature for identity "${reference}" is not accepted`;
}

/** SHA-256 whatever the key is. */
function isSigned(pem: string, payload: Buffer, signature: string): boolean {
  const key = createPublicKey(pem);
  return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key, Buffer.from(signature, 'base64'));
}

function readPolicy(root: string): Policy | undefined {
  const path = ['root/.config/containers/policy.json', 'etc/containers/policy.json', 'usr/share/containers/policy.json'].find(p =>
    existsSync(join(root, p)),
  );
  if (path === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')) as Policy;
  } catch (error) {
    throw new PolicyError(`invalid policy in "/${path}": ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function namespaces(name: string): string[] {
  const parts = name.split('/');
  return [...parts.map((_, i) => parts.slice(0, parts.length - i).join('/')), ''];
}

/** By the files of registries.d, of which two lines are known: what stands below default-docker, and below a scope of docker. */
function looksForSignatures(root: string, name: string): boolean {
  const directory = ['root/.config/containers/registries.d', 'etc/containers/registries.d'].find(d => existsSync(join(root, d)));
  if (directory === undefined) return false;
  const said = new Map<string, boolean>();
  for (const file of readdirSync(join(root, directory)).filter(f => f.endsWith('.yaml'))) {
    let scope: string | undefined;
    for (const line of readFileSync(join(root, directory, file), 'utf8').split('\n')) {
      if (/^\S/.test(line)) scope = line.startsWith('default-docker:') ? '' : undefined;
      else if (/^ {2}\S.*:\s*$/.test(line)) scope = line.trim().replace(/:$/, '');
      const [, value] = /^\s+use-sigstore-attachments:\s*(true|false)\s*$/.exec(line) ?? [];
      if (scope !== undefined && value !== undefined) said.set(scope, value === 'true');
    }
  }
  return said.get(namespaces(name).find(candidate => said.has(candidate)) ?? '') ?? false;
}
