/** `scantling trust show POLICY|FINGERPRINT`: all that is known of one. */
import type { Invocation } from '../running.ts';
import { formatOf, print } from './output.ts';
import { trustDocument, type KeyRow, type PolicyRow } from './trust-document.ts';
import { fingerprintFrom, TrustRefusedError } from './trust-edit.ts';
import { openStore } from './trust-store.ts';
import { keyText, policyText } from './trust-view.ts';

/** Exit code 0. Throws TrustRefusedError for what is not there. */
export async function trustShow(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const [asked = ''] = positionals;
  const store = await openStore(invocation);
  try {
    const { policies } = await trustDocument(await store.policies(), { now: Date.now(), fromCluster: config.file === '' });
    const policy = policies.find(p => p.name === asked);
    if (policy) {
      await print(stdout, format, { kind: 'TrustPolicy', ...policy }, policyText);
      return 0;
    }
    const document = keyDocument(policies, asked);
    await print(
      stdout,
      format,
      document,
      d => `${keyText(d.keys, policies)}${d.revokedBy.map(r => `Revoked:      by ${r}\n`).join('')}`,
    );
    return 0;
  } finally {
    await store.close();
  }
}

interface KeyDocument {
  kind: 'TrustKey';
  fingerprint: string;
  keys: KeyRow[];
  /** Policies. */
  revokedBy: string[];
}

function keyDocument(policies: readonly PolicyRow[], asked: string): KeyDocument {
  const fingerprint = fingerprintFrom(asked);
  if (fingerprint === undefined) {
    const names = policies.map(p => p.name);
    throw new TrustRefusedError(
      `there is no TrustPolicy ${asked}, and it is no whole fingerprint${names.length > 0 ? `; there are ${names.join(', ')}` : ''}`,
    );
  }
  const keys = policies.flatMap(p => p.keys.filter(k => k.fingerprint === fingerprint || k.subkeys.includes(fingerprint)));
  const revokedBy = policies.filter(p => p.revoked.some(r => r.fingerprint === fingerprint)).map(p => p.name);
  if (keys.length === 0 && revokedBy.length === 0) throw new TrustRefusedError(`no TrustPolicy knows the key ${fingerprint}`);
  return { kind: 'TrustKey', fingerprint, keys, revokedBy };
}
