/** Writes the agent's part of its NodeTarget's status: when it says something new, and as a heartbeat. */
import { nodetargets } from '../api/node-target.ts';
import type { NodeTargetStatus } from '../api/node-target.ts';
import { fieldManagers } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { reportOf, saysTheSame } from './report.ts';
import type { Report, ReportInput } from './report.ts';
import { projectTarget } from './target-watch.ts';
import type { TargetView } from './target-watch.ts';

export class Reporter {
  readonly #client: Pick<Client, 'applyStatus'>;
  readonly #heartbeatMs: number;
  #uid: string | undefined;
  /** What the API has from us, as far as we know. */
  #written: NodeTargetStatus | undefined;

  constructor(client: Pick<Client, 'applyStatus'>, heartbeatMs: number) {
    this.#client = client;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Takes over what an earlier life wrote, or begins anew when the object is another. */
  observe(target: TargetView): void {
    if (target.uid === this.#uid) return;
    this.#uid = target.uid;
    this.#written = target.status;
  }

  get written(): NodeTargetStatus | undefined {
    return this.#written;
  }

  /** When the next heartbeat is due, epoch ms. A report of the future is of a clock that was set back since. */
  dueAt(now: number): number {
    const reportedAt = Date.parse(this.#written?.host?.reportedAt ?? '');
    return Number.isNaN(reportedAt) || reportedAt > now ? 0 : reportedAt + this.#heartbeatMs;
  }

  /**
   * Writes what there is to say, if it is new, the heartbeat is due, or `force` asks for it. Resolves with the object as it is now
   * when something was written; a target that is gone is no error, the watch tells of it too.
   */
  async report(
    target: TargetView,
    input: Omit<ReportInput, 'spec' | 'hostRule' | 'generation' | 'previous'>,
    force = false,
  ): Promise<TargetView | undefined> {
    const report = reportOf({
      ...input,
      spec: target.spec,
      hostRule: target.hostRule,
      ...(target.generation === undefined ? {} : { generation: target.generation }),
      ...(this.#written ? { previous: this.#written } : {}),
    });
    if (!force && saysTheSame(report, this.#written) && input.now < this.dueAt(input.now)) return undefined;
    return this.#write(target, report);
  }

  async #write({ name, uid }: TargetView, status: Report): Promise<TargetView | undefined> {
    try {
      const object = await this.#client.applyStatus(
        nodetargets,
        { apiVersion: 'scantling.dev/v1alpha1', kind: nodetargets.kind, metadata: { name, uid }, status },
        { fieldManager: fieldManagers.agent },
      );
      this.#written = status;
      return projectTarget(object);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
