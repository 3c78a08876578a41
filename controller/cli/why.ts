/** `scantling why KIND/NAME`: what runs there, from which commit, and what it waits for. */
import type { Invocation } from '../running.ts';
import { readChain } from './chain.ts';
import { connect } from './cluster.ts';
import { formatOf, print } from './output.ts';
import { parseSubject } from './subject.ts';
import { terminalOf } from './terminal.ts';
import { whyOf } from './why-document.ts';
import { whyText } from './why-view.ts';

/** Exit code 0 when it is as asked or on its way, 1 when a person is needed. Throws UsageError, NoSuchObjectError. */
export async function why(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const cluster = await connect(invocation, 'why');
  try {
    const chain = await readChain(cluster.client, { namespace: config.namespace, name: config['lease-name'] });
    const now = Date.now();
    const document = whyOf(chain, parseSubject(positionals[0] ?? '', chain), now);
    const view = { terminal: terminalOf(stdout, process.env), now, wide: format === 'wide' };
    await print(stdout, format, document, d => whyText(d, view));
    return document.ok ? 0 : 1;
  } finally {
    await cluster.close();
  }
}
