/** What the metrics say of trust. */
import { metrics } from '../telemetry/metrics.ts';
import type { RecordedJudgement } from './judgement.ts';
import type { PolicyView } from './projection.ts';

type Labels = Record<'policy' | 'authority' | 'form' | 'result', string>;

const results = { Trusted: 'trusted', Warned: 'warned', Refused: 'refused' } as const;

/** Counts what was judged, and drops what is counted of policies that are gone. */
export class TrustFigures {
  readonly #series = new Map<string, Map<string, Labels>>();
  readonly #fetched = new Map<string, number>();

  /** Something was judged by a look at its signatures. */
  judged({ decision, policy, signers }: RecordedJudgement): void {
    if (decision === 'Skipped' || decision === 'NotConfigured') return;
    const result = results[decision];
    const by = decision === 'Trusted' ? signers : [];
    const each = new Map<string, Pick<Labels, 'authority' | 'form'>>();
    for (const { authority, form } of by) each.set(`${authority} ${form}`, { authority, form });
    if (each.size === 0) each.set('none', { authority: 'none', form: 'none' });
    for (const signer of each.values()) this.#count({ policy: policy ?? 'none', ...signer, result });
  }

  /** A look-up came to nothing. */
  failed(policy: string): void {
    this.#count({ policy, authority: 'none', form: 'none', result: 'failed' });
  }

  /** When the oldest trusted root of a policy was last fetched (epoch ms); undefined when none comes by TUF. */
  rootFetched(policy: string, time: number | undefined): void {
    if (time === undefined) this.#fetched.delete(policy);
    else this.#fetched.set(policy, time);
  }

  /** Shows what is about the policies that there are, before a scrape. `now` is epoch ms. */
  show(policies: readonly PolicyView[], now: number): void {
    const names = new Set(policies.map(({ name }) => name));
    this.#forget(names);
    metrics.trustPolicyMode.reset();
    metrics.trustRootAge.reset();
    for (const { name, mode } of policies) metrics.trustPolicyMode.set({ policy: name, mode }, 1);
    for (const [policy, time] of this.#fetched) metrics.trustRootAge.set({ policy }, Math.max(0, now - time) / 1000);
  }

  #count(labels: Labels): void {
    const series = this.#series.get(labels.policy) ?? new Map<string, Labels>();
    this.#series.set(labels.policy, series);
    series.set(JSON.stringify(labels), labels);
    metrics.trustVerifications.inc(labels);
  }

  #forget(names: ReadonlySet<string>): void {
    for (const [policy, series] of this.#series) {
      if (names.has(policy) || policy === 'none') continue;
      for (const labels of series.values()) metrics.trustVerifications.remove(labels);
      this.#series.delete(policy);
    }
    for (const policy of this.#fetched.keys()) if (!names.has(policy)) this.#fetched.delete(policy);
  }
}
