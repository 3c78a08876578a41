/** The door of trust over policies that a test gives: all of it is real but where the policies come from. */
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { Store } from '../../controller/kube/store.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { type OwnedTrust, createTrust } from '../../controller/trust/create-trust.ts';
import { type ImageVerifier, createImageVerifier } from '../../controller/trust/image-verifier.ts';
import { PolicyBook } from '../../controller/trust/policy-book.ts';
import { type PolicyView, projectPolicy } from '../../controller/trust/projection.ts';
import { readAll } from '../trust/policy-scene.ts';
import { Uses } from '../../controller/trust/uses.ts';

export interface TrustDoor {
  trust: OwnedTrust;
  verifier: ImageVerifier;
  /** From now on these are all the policies that there are. */
  enforce(...policies: TrustPolicy[]): Promise<void>;
  stop(): Promise<void>;
}

export function openTrustDoor(registry: Registry): TrustDoor {
  const policies = new Store<PolicyView>();
  policies.synced = true;
  const book = new PolicyBook({ policies });
  const verifier = createImageVerifier({ registry, now: Date.now, log: createLog('silent') });
  const trust = createTrust({ book, verifier, uses: new Uses(), now: Date.now });
  return {
    trust,
    verifier,
    async enforce(...wanted) {
      const read = await readAll(wanted);
      for (const { name } of policies.list()) if (!wanted.some(({ metadata }) => metadata.name === name)) policies.delete(name);
      for (const policy of wanted) policies.set(projectPolicy(policy));
      for (const policy of read) book.put(policy);
    },
    async stop() {
      trust.stop();
      await verifier.close();
    },
  };
}
