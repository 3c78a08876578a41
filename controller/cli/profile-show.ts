/** `scantling profile show NODE`: the addons that a node is to run, who asks for them, and what has become of them. */
import { StallingError } from '../api/errors.ts';
import { nodetargets } from '../api/node-target.ts';
import { systempools } from '../api/system-pool.ts';
import { findObject } from '../kube/find-object.ts';
import type { Invocation } from '../running.ts';
import { connect } from './cluster.ts';
import { formatOf, print } from './output.ts';
import { nodeProfile, nodeProfileText } from './profile-show-document.ts';

/** Exit code 0, or 1 when no pool has the node. Whether it runs what it is to run is in the document (`ok`). */
export async function profileShow(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const [node = ''] = positionals;
  const cluster = await connect(invocation, 'profile');
  try {
    const target = await findObject(cluster.client, nodetargets, node);
    if (!target) throw new StallingError('NotFound', `there is no NodeTarget ${node}: no SystemPool has a node of that name`);
    const pool = await findObject(cluster.client, systempools, target.spec.poolRef.name);
    await print(stdout, format, nodeProfile(target, pool), nodeProfileText);
    return 0;
  } finally {
    await cluster.close();
  }
}
