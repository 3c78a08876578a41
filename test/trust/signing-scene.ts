/** Keys to sign with, and what a registry has of signatures, read and checked with nothing of the product: by plain requests and node:crypto. */
import { type KeyObject, createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { type SigningKey, openSigningKey } from '../../controller/trust/signing-key.ts';

export interface TestSigningKey extends SigningKey {
  /** PKCS#8. */
  pem: string;
}

export async function newSigningKey(): Promise<TestSigningKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { ...(await openSigningKey(Buffer.from(pem), undefined)), pem };
}

interface Layer {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface StoredManifest {
  config: Layer;
  layers: Layer[];
  artifactType?: string;
  subject?: { mediaType: string; digest: string; size: number };
  annotations?: Record<string, string>;
}

export interface Statement {
  _type: string;
  subject: { digest: { sha256: string } }[];
  predicateType: string;
  predicate: unknown;
}

/** What is stored beside an image, by name in the registry: `team/os`. */
export class StoredSignatures {
  readonly #base: string;

  constructor(host: string, name: string) {
    this.#base = `http://${host}/v2/${name}`;
  }

  /** The manifest behind the tag of the older form; undefined when there is none. */
  async tagged(digest: string): Promise<StoredManifest | undefined> {
    const answer = await this.#get(`/manifests/${digest.replace(':', '-')}.sig`);
    return answer && (JSON.parse(answer.toString('utf8')) as StoredManifest);
  }

  /** How many signatures of the older form by that key there are, of this image and reference; whatever else a layer says makes the test fail. */
  async taggedBy(digest: string, key: { publicKey: string }, reference: string): Promise<number> {
    const manifest = await this.tagged(digest);
    let count = 0;
    for (const layer of manifest?.layers ?? []) {
      const payload = await this.blob(layer);
      const signature = Buffer.from(layer.annotations?.['dev.cosignproject.cosign/signature'] ?? '', 'base64');
      if (!verify('sha256', payload, createPublicKey(key.publicKey), signature)) continue;
      const said = JSON.parse(payload.toString('utf8')) as { critical: Record<string, object>; optional: unknown };
      if (Object.keys(said).toSorted().join() !== 'critical,optional') throw new Error('the payload has other members');
      if (Object.keys(said.critical).toSorted().join() !== 'identity,image,type') throw new Error('critical has other members');
      if (JSON.stringify(said.critical['identity']) !== JSON.stringify({ 'docker-reference': reference })) continue;
      if (JSON.stringify(said.critical['image']) !== JSON.stringify({ 'docker-manifest-digest': digest })) continue;
      count++;
    }
    return count;
  }

  /** The statements about an image in bundles that this key has signed. */
  async statementsBy(digest: string, key: { publicKey: string }): Promise<Statement[]> {
    const entries = await this.referrers(digest);
    const statements = await Promise.all(entries.map(entry => this.#statement(entry, createPublicKey(key.publicKey))));
    return statements.filter(statement => statement !== undefined);
  }

  /** Digests of what refers to an image, by the API or by the tag that stands for it. */
  async referrers(digest: string): Promise<string[]> {
    const served = await this.#get(`/referrers/${digest}`);
    const list = served ?? (await this.#get(`/manifests/${digest.replace(':', '-')}`));
    if (!list) return [];
    return (JSON.parse(list.toString('utf8')) as { manifests: { digest: string }[] }).manifests.map(entry => entry.digest);
  }

  async blob({ digest, size }: Layer): Promise<Buffer> {
    const bytes = (await this.#get(`/blobs/${digest}`)) ?? Buffer.alloc(0);
    if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest || bytes.length !== size)
      throw new Error(`${digest} is not what it should be`);
    return bytes;
  }

  async #statement(entry: string, key: KeyObject): Promise<Statement | undefined> {
    const manifest = JSON.parse(String(await this.#get(`/manifests/${entry}`))) as StoredManifest;
    const [layer] = manifest.layers;
    if (layer?.mediaType !== 'application/vnd.dev.sigstore.bundle.v0.3+json') return undefined;
    const bundle = JSON.parse((await this.blob(layer)).toString('utf8')) as {
      dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
    };
    const { payload, payloadType, signatures } = bundle.dsseEnvelope;
    const bytes = Buffer.from(payload, 'base64');
    const signed = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `, 'latin1'), bytes]);
    const [signature, ...more] = signatures;
    if (more.length > 0 || !verify('sha256', signed, key, Buffer.from(signature?.sig ?? '', 'base64'))) return undefined;
    return JSON.parse(bytes.toString('utf8')) as Statement;
  }

  async #get(path: string): Promise<Buffer | undefined> {
    const accept = ['manifest', 'index'].map(kind => `application/vnd.oci.image.${kind}.v1+json`).join(', ');
    const answer = await fetch(`${this.#base}${path}`, { headers: { accept } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`${this.#base}${path}: ${answer.status}`);
    return bytes;
  }
}
