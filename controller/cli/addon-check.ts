/** `scantling addon check --os IMAGE`: whether every addon of a profile has a variant for a system, before anything is updated to it. */
import { StallingError, TransientError, messageOf, reasonOf } from '../api/errors.ts';
import { systemaddons } from '../api/system-addon.ts';
import { systempools } from '../api/system-pool.ts';
import { offerOf } from '../addon/choice.ts';
import type { ProfileEntry } from '../addon/profile.ts';
import { UsageError } from '../command-line.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import { listAll } from '../kube/list-all.ts';
import { createRegistry } from '../registry/client.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Invocation } from '../running.ts';
import { plainLine } from '../trust/plain-text.ts';
import { userAgent } from '../version.ts';
import { checkDocument } from './addon-check-document.ts';
import { checkText } from './addon-check-view.ts';
import { connect } from './cluster.ts';
import { readOsImage, type OsImage } from './os-image.ts';
import { formatOf, print } from './output.ts';
import { readProfileFile } from './profile-file.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';
import { terminalOf } from './terminal.ts';

/** Exit code 0: every addon is there, 1: not, 3: something could not be looked up. Throws UsageError. */
export async function addonCheck(invocation: Invocation): Promise<number> {
  const { config, stdout, stderr } = invocation;
  const format = formatOf(config);
  if (config['os-image'] === '')
    throw new UsageError('--os is missing: the image of the system, as registry.example.com/os/edge:2');
  if ((config.profile === '') === (config.pool === ''))
    throw new UsageError('either --profile FILE or --pool NAME says which addons are meant');
  const cluster = await connect(invocation, 'addon');
  try {
    const asked = await profileEntries(invocation, cluster.client);
    const addons = await listAll(cluster.client, systemaddons, offerOf);
    const document = checkDocument({
      asked,
      from: config.pool === '' ? config.profile : `SystemPool/${config.pool}`,
      addons,
      image: await readSystem(invocation),
    });
    await print(stdout, format, document, d => checkText(d, terminalOf(stdout, process.env)));
    return document.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LookUpError)) throw error;
    stderr.write(`scantling: ${plainLine(error.message)}; this says nothing of the addons\n`);
    return 3;
  } finally {
    await cluster.close();
  }
}

/** The registry did not say what the image is. */
class LookUpError extends Error {}

async function readSystem({ config }: Invocation): Promise<OsImage> {
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('addon') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    return await readOsImage(registry, config['os-image'], config['os-platforms'], auth);
  } catch (error) {
    if (error instanceof TransientError || error instanceof NotFoundError)
      throw new LookUpError(`${reasonOf(error)}: ${messageOf(error)}`, { cause: error });
    throw error;
  } finally {
    await registry.close();
  }
}

async function profileEntries({ config }: Invocation, client: Client): Promise<ProfileEntry[]> {
  if (config.pool === '') return readProfileFile(config.profile);
  const pool = await findObject(client, systempools, config.pool);
  if (!pool) throw new StallingError('InvalidProfile', `there is no SystemPool ${config.pool}`);
  return pool.spec.addons ?? [];
}
