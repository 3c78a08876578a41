/** `scantling addon list` and `addon show NAME`: which addons there are, and for which systems. */
import { StallingError } from '../api/errors.ts';
import { systemaddons } from '../api/system-addon.ts';
import { findObject } from '../kube/find-object.ts';
import { listAll } from '../kube/list-all.ts';
import type { Invocation } from '../running.ts';
import { addonListDocument, addonRow } from './addon-document.ts';
import { addonListText, addonText } from './addon-view.ts';
import { connect } from './cluster.ts';
import { formatOf, print } from './output.ts';
import { terminalOf } from './terminal.ts';

/** Exit code 0. */
export async function addonList(invocation: Invocation): Promise<number> {
  const { config, stdout } = invocation;
  const format = formatOf(config);
  const cluster = await connect(invocation, 'addon');
  try {
    const now = Date.now();
    const document = addonListDocument(await listAll(cluster.client, systemaddons, addon => addon), now);
    const view = { terminal: terminalOf(stdout, process.env), now, wide: format === 'wide' };
    await print(stdout, format, document, d => addonListText(d, view));
    return 0;
  } finally {
    await cluster.close();
  }
}

/** Exit code 0, or 1 when there is none of that name. */
export async function addonShow(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const [name = ''] = positionals;
  const cluster = await connect(invocation, 'addon');
  try {
    const addon = await findObject(cluster.client, systemaddons, name);
    if (!addon) throw new StallingError('NotFound', `there is no SystemAddon ${name}`);
    await print(stdout, format, { kind: 'Addon' as const, version: 1 as const, ...addonRow(addon, Date.now()) }, addonText);
    return 0;
  } finally {
    await cluster.close();
  }
}
