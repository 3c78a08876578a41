/**
 * Whether this host itself takes an addon's artifact, by the files that it judges images by: policy.json and registries.d, as bootc's own process finds them. Loaded with the
 * first addon, as the client of registries is.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { parse } from 'yaml';
import { messageOf } from '../../api/errors.ts';
import { hostTrustPaths, parseHostTrust } from '../../api/host-trust.ts';
import { RefusedCandidate } from '../../trust/refused.ts';
import { checkPayload } from '../../trust/simple-signing.ts';
import { base64Of } from '../../trust/strict-json.ts';
import { looksForSignatures } from '../container-policy.ts';
import { listHostDirectory, readHostFile } from '../host-file.ts';
import { readSignaturePolicy } from '../signature-policy.ts';
import type { SignaturePolicy } from '../signature-policy.ts';
import { AddonFault } from './addon-fault.ts';
import { attachedSignatures, lookupFailed } from './attached-signatures.ts';
import type { AttachedSignature } from './attached-signatures.ts';
import { hostRuleFor } from './host-rule.ts';
import type { HostClause, HostKey } from './host-rule.ts';
import type { RegistryAccess, WantedAddon } from './prepare.ts';
import { isIdentity } from './signed-identity.ts';

export interface JudgeOptions {
  /** Where the host's file system is seen. */
  root: string;
  /** Where the system that is staged is seen; undefined for what runs, and where it cannot be seen. */
  staged: string | undefined;
  /** Asked for only where signatures have to be looked up. */
  access: () => Promise<Pick<RegistryAccess, 'auth'> & { registry: Pick<RegistryAccess['registry'], 'manifest' | 'blob'> }>;
  /** What was found good by which rules, in this process: another look-up would find the same. */
  accepted: Set<string>;
}

/** As many artifacts and rules as one host meets. */
const remembered = 256;

/**
 * @throws AddonFault `AddonUntrusted` for what the policy does not take, or what cannot be checked; TransientError `SignatureLookupFailed`; what keeps the files from being read
 */
export async function judgeArtifact(addon: WantedAddon, o: JudgeOptions): Promise<void> {
  const { image } = addon;
  const running = await readSignaturePolicy(o.root);
  let policy = running;
  let keysIn = o.root;
  let rule = hostRuleFor(policy.policy, image);
  if (rule.kind === 'Refuse' && rule.unspoken && o.staged !== undefined && isAsItCame(running)) {
    // The image that runs was told nothing of the name. It took the one that is staged, which brings rules of its own.
    const next = await readStagedPolicy(o.staged);
    if (next) [policy, keysIn, rule] = [next, o.staged, hostRuleFor(next.policy, image)];
  }
  if (rule.kind === 'Accept') return;
  if (rule.kind === 'Refuse') throw untrusted(addon, rule.why);
  requireLookups(addon, policy);
  const clauses: OpenClause[] = [];
  for (const clause of rule.clauses) clauses.push({ ...clause, open: await openKeys(addon, clause, keysIn) });
  const key = memoOf(image, clauses);
  if (o.accepted.has(key)) return;
  const { registry, auth } = await o.access();
  const { signatures, doubtful } = await attachedSignatures(registry, image, auth);
  for (const clause of clauses) {
    const refusals = refusalsOf(clause, image, signatures);
    if (refusals === undefined) continue;
    if (doubtful.length > 0) throw lookupFailed(image, doubtful.slice(0, 3).join('; '));
    throw untrusted(addon, notSigned(clause, refusals));
  }
  const [oldest] = o.accepted;
  if (o.accepted.size >= remembered && oldest !== undefined) o.accepted.delete(oldest);
  o.accepted.add(key);
}

function untrusted({ name, image }: WantedAddon, why: string): AddonFault {
  return new AddonFault('AddonUntrusted', `the host does not take ${image}, the addon ${name}: ${why}`);
}

/** The policy is the one that the image which runs has brought, and nobody's own. */
function isAsItCame({ policy, marker }: SignaturePolicy): boolean {
  const trust = marker === undefined ? undefined : parseHostTrust(marker);
  return policy?.path === hostTrustPaths.policy && trust?.policy === digestOf(policy.text);
}

/** What the staged image comes with, as it will be merged into /etc; undefined where it has no policy of ours. */
async function readStagedPolicy(tree: string): Promise<SignaturePolicy | undefined> {
  const [policy, marker, lookups] = [`/usr${hostTrustPaths.policy}`, hostTrustPaths.marker, '/usr/etc/containers/registries.d'];
  const [text, said] = await Promise.all([readHostFile(tree, policy), readHostFile(tree, marker)]);
  if (text === undefined || said === undefined) return undefined;
  const names = ((await listHostDirectory(tree, lookups)) ?? []).filter(name => name.endsWith('.yaml'));
  const files = await Promise.all(
    names.map(async name => ({ path: `${lookups}/${name}`, text: (await readHostFile(tree, `${lookups}/${name}`)) ?? '' })),
  );
  return { policy: { path: `${policy} of the staged image`, text }, marker: said, lookups: files };
}

/** Where signatures are not looked for, the host finds none. */
function requireLookups(addon: WantedAddon, { lookups }: SignaturePolicy): void {
  const name = addon.image.replace(/@.*$/, '');
  const files = lookups.map(({ path, text }) => {
    try {
      return { path, said: parse(text) as unknown };
    } catch (error) {
      throw untrusted(addon, `${path} is no YAML (${messageOf(error).split('\n')[0]}), and every pull is refused; correct it`);
    }
  });
  const looks = looksForSignatures(files, name);
  if (looks === true) return;
  const why = typeof looks === 'string' ? `${looks}, and every pull is refused; remove one of them` : undefined;
  throw untrusted(addon, why ?? `signatures of ${name} are not looked for (use-sigstore-attachments in registries.d)`);
}

interface OpenClause extends HostClause {
  open: readonly KeyObject[];
}

async function openKeys(addon: WantedAddon, { keys, where }: HostClause, root: string): Promise<KeyObject[]> {
  const open: KeyObject[] = [];
  for (const key of keys) {
    const pem = await pemOf(key, root);
    const found = pem === undefined ? undefined : publicKeyOf(pem);
    if (!found) throw untrusted(addon, `${where}: ${'path' in key ? key.path : 'its key'} is no public key in PEM; correct it`);
    open.push(found);
  }
  return open;
}

async function pemOf(key: HostKey, root: string): Promise<string | undefined> {
  return 'path' in key ? readHostFile(root, key.path, 1 << 16) : Buffer.from(key.data, 'base64').toString('utf8');
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    return pem.includes('-----BEGIN PUBLIC KEY-----') ? createPublicKey(pem) : undefined;
  } catch {
    // Said of its place.
    return undefined;
  }
}

function memoOf(image: string, clauses: readonly OpenClause[]): string {
  const rules = clauses.map(({ open, identity }) => [identity, open.map(fingerprintOf)]);
  return digestOf(JSON.stringify([image, rules]));
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Why each signature does not count for a clause; undefined where one does. */
function refusalsOf(clause: OpenClause, image: string, signatures: readonly AttachedSignature[]): string[] | undefined {
  const refusals: string[] = [];
  for (const signature of signatures) {
    const why = refusalOf(clause, image, signature);
    if (why === undefined) return undefined;
    refusals.push(why);
  }
  return refusals;
}

function refusalOf({ open, identity }: OpenClause, image: string, { payload, signature }: AttachedSignature): string | undefined {
  try {
    const bytes = base64Of(signature, 'the signature');
    if (!open.some(key => holds(key, payload, bytes))) return 'a signature is of no such key, or what it is over was changed';
    const { reference } = checkPayload(payload, image.slice(image.lastIndexOf('@') + 1));
    return isIdentity(identity, image, reference)
      ? undefined
      : `a signature is of the name ${JSON.stringify(reference.slice(0, 160))} (${identity.type})`;
  } catch (error) {
    if (error instanceof RefusedCandidate) return error.message;
    throw error;
  }
}

/** As containers/image: SHA-256 whatever the key is, and Ed25519 plain. */
function holds(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const isKnown = ['ec', 'ed25519'].includes(key.asymmetricKeyType ?? '');
  if (!isKnown && !(key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048)) return false;
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    // OpenSSL throws at some texts that are no signature, and says no to the others.
    return false;
  }
}

function notSigned({ where, open }: OpenClause, refusals: readonly string[]): string {
  const keys = open.map(key => `${fingerprintOf(key).slice(0, 16)}…`).slice(0, 3);
  const others = open.length > 3 ? ` or ${open.length - 3} more` : '';
  const wanted = `${where} asks for a signature by key ${keys.join(' or ')}${others}`;
  if (refusals.length === 0) return `${wanted}, and it has none; let spec.signing of the SystemAddon sign it`;
  return `${wanted}, and none of its ${refusals.length} counts: ${[...new Set(refusals)].slice(0, 3).join('; ')}`;
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
