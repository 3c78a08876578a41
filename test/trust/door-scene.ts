/** A door of trust over policies that a test gives, with a verifier that answers as it is told. */
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { Store } from '../../controller/kube/store.ts';
import { createTrust } from '../../controller/trust/create-trust.ts';
import type { ImageToVerify } from '../../controller/trust/image-verifier.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { PolicyBook } from '../../controller/trust/policy-book.ts';
import { type PolicyView, projectPolicy } from '../../controller/trust/projection.ts';
import { readPolicy } from '../../controller/trust/read-policy.ts';
import type { Sources } from '../../controller/trust/sources.ts';
import { Uses } from '../../controller/trust/uses.ts';
import { type GivenSpec, keyAuthority, newPublicKey, noSources, policyOf } from './policy-scene.ts';

export const digest = `sha256:${'a'.repeat(64)}`;
export const image = `registry.example.com/os/edge@${digest}`;
export const pem = newPublicKey();
/** A policy that asks for the signature of one key. */
export const signed: GivenSpec = { prefix: 'registry.example.com/os', authorities: [keyAuthority('release', pem)] };

/** A door with policies that are read at once, a clock, and a verifier that counts and answers as it is told. */
export class DoorScene {
  now = Date.parse('2026-06-01T00:00:00Z');
  readonly looked: ImageToVerify[] = [];
  answer: Partial<Judgement> | Error = {
    decision: 'Trusted',
    reason: 'Trusted',
    signers: [{ authority: 'os/release', form: 'Signature' }],
  };
  changes = 0;
  readonly uses = new Uses();
  readonly store = new Store<PolicyView>();
  readonly book = new PolicyBook({ policies: this.store });
  readonly #timers = new Set<{ at: number; wake: () => void }>();
  readonly trust = createTrust({
    book: this.book,
    uses: this.uses,
    now: () => this.now,
    verifier: { verify: of => this.#verify(of) },
    timer: (ms, wake) => {
      const timer = { at: this.now + ms, wake };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  });

  constructor() {
    this.store.synced = true;
    this.trust.onChange(() => void this.changes++);
  }

  async #verify(of: ImageToVerify): Promise<Judgement> {
    this.looked.push(of);
    if (this.answer instanceof Error) throw this.answer;
    const { basis, governing } = of.rules;
    const [first] = governing;
    return {
      decision: 'Trusted',
      reason: 'Trusted',
      message: 'as told',
      digest,
      basis,
      signers: [],
      candidates: [],
      ...(first ? { policy: first.policy, generation: first.generation } : {}),
      ...this.answer,
    };
  }

  /** Puts a policy into the cluster, and reads it. */
  async apply(
    name: string,
    spec: GivenSpec,
    { generation = 1, sources = {} }: { generation?: number; sources?: Partial<Sources> } = {},
  ) {
    const policy = this.declare(name, spec, generation);
    this.book.put(await readPolicy(policy, { ...noSources, ...sources }));
  }

  /** Puts a policy into the cluster that is not read yet. */
  declare(name: string, spec: GivenSpec, generation = 1): TrustPolicy {
    const policy = policyOf(name, spec);
    policy.metadata.generation = generation;
    this.store.set(projectPolicy(policy));
    return policy;
  }

  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.now)) {
      this.#timers.delete(timer);
      timer.wake();
    }
  }
}
