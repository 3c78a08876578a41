/** What a source's status says of its webhook. */
import type { Condition } from '../api/meta.ts';
import { StallingError } from '../api/errors.ts';
import { webhookPrefix } from '../api/names.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { SourceReason } from './reasons.ts';

/** The condition of a webhook: undefined when nothing is wrong with it. */
export type WebhookTrouble = Pick<Condition, 'status' | 'reason' | 'message'> | undefined;

/** Why no call for this source can be taken. `readToken` is undefined where the receiver is off. */
export async function webhookTrouble(
  { spec }: SystemSource,
  readToken: ((secret: string) => Promise<string>) | undefined,
): Promise<WebhookTrouble> {
  if (!spec.webhook) return undefined;
  if (!readToken) {
    const message =
      'spec.webhook is set, and the controller was started without --webhook-address; the source is polled all the same';
    return { status: 'True', reason: 'ReceiverOff' satisfies SourceReason, message };
  }
  try {
    await readToken(spec.webhook.secretRef.name);
    return undefined;
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    return {
      status: 'True',
      reason: error.reason,
      message: `${error.message}; calls are refused, the source is polled all the same`,
    };
  }
}

/** The path for calls; undefined when none are wanted. */
export function webhookPathOf({ metadata, spec }: SystemSource): string | undefined {
  return spec.webhook ? `${webhookPrefix}${metadata.name}` : undefined;
}
