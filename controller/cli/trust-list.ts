/** `scantling trust list`: who may sign what. */
import type { Invocation } from '../running.ts';
import { formatOf, print } from './output.ts';
import { terminalOf } from './terminal.ts';
import { trustDocument } from './trust-document.ts';
import { openStore } from './trust-store.ts';
import { trustText } from './trust-view.ts';

/** Exit code 0. */
export async function trustList(invocation: Invocation): Promise<number> {
  const { config, stdout } = invocation;
  const format = formatOf(config);
  const store = await openStore(invocation);
  try {
    const now = Date.now();
    const document = await trustDocument(await store.policies(), { now, fromCluster: config.file === '' });
    const view = { terminal: terminalOf(stdout, process.env), now, wide: format === 'wide' };
    await print(stdout, format, document, d => trustText(d, view));
    return 0;
  } finally {
    await store.close();
  }
}
