/** `scantling status [KIND/NAME]`: the chain in one screen. */
import type { Invocation } from '../running.ts';
import { readChain } from './chain.ts';
import { connect } from './cluster.ts';
import { parseSubject } from './subject.ts';
import { formatOf, print } from './output.ts';
import { partOf } from './part.ts';
import { statusOf } from './status-document.ts';
import { statusText } from './status-view.ts';
import { terminalOf } from './terminal.ts';

/** Exit code 0 when nothing needs a person, 1 when something does. Throws UsageError for what cannot be meant. */
export async function status(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const [asked] = positionals;
  const cluster = await connect(invocation, 'status');
  try {
    const chain = await readChain(cluster.client, { namespace: config.namespace, name: config['lease-name'] });
    const subject = asked === undefined ? undefined : parseSubject(asked, chain);
    const part = subject === undefined ? chain : partOf(chain, subject);
    const now = Date.now();
    const document = statusOf(part, now);
    const view = {
      terminal: terminalOf(stdout, process.env),
      now,
      wide: format === 'wide',
      everyNode: subject?.kind === 'SystemPool' || subject?.kind === 'Node',
    };
    await print(stdout, format, document, d => statusText(d, view));
    return document.ok ? 0 : 1;
  } finally {
    await cluster.close();
  }
}
