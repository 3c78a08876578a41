/** `scantling addon check --os IMAGE`: whether every addon of a profile is there for a system and hides none of its files, before anything is updated to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TransientError, messageOf, reasonOf } from '../api/errors.ts';
import { type Compared, compareAddons } from '../addon/compare-addons.ts';
import { LayerLists } from '../addon/layer-lists.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { UsageError } from '../command-line.ts';
import { createRegistry } from '../registry/client.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { Invocation } from '../running.ts';
import { plainLine } from '../trust/plain-text.ts';
import { userAgent } from '../version.ts';
import { type AddonCheck, checkDocument, type PlatformCheck, withCompared } from './addon-check-document.ts';
import { type AskedOf, readAsked } from './addon-check-input.ts';
import { checkText } from './addon-check-view.ts';
import { readOsImage } from './os-image.ts';
import { formatOf, print } from './output.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';
import { terminalOf } from './terminal.ts';

/** Exit code 0: every addon is there, 1: not, 3: something could not be looked up. Throws UsageError. */
export async function addonCheck(invocation: Invocation): Promise<number> {
  const { config, stdout, stderr } = invocation;
  const format = formatOf(config);
  if (config['os-image'] === '')
    throw new UsageError('--os is missing: the image of the system, as registry.example.com/os/edge:2');
  if (config.profile !== '' && config.pool !== '')
    throw new UsageError('--profile FILE and --pool NAME say both which addons are meant; leave one out');
  const asked = await readAsked(invocation);
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('addon') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    const document = await lookUp(() => checked({ registry, asked, invocation }, auth));
    await print(stdout, format, document, d => checkText(d, terminalOf(stdout, process.env)));
    return document.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LookUpError)) throw error;
    stderr.write(`scantling: ${plainLine(error.message)}; this says nothing of the addons\n`);
    return 3;
  } finally {
    await registry.close();
  }
}

interface Work {
  registry: Registry;
  asked: AskedOf;
  invocation: Invocation;
}

async function checked({ registry, asked, invocation: { config } }: Work, auth: DockerConfig | undefined): Promise<AddonCheck> {
  const image = await readOsImage(registry, config['os-image'], config['os-platforms'], auth);
  const document = checkDocument({ ...asked, image });
  const directory = await mkdtemp(join(tmpdir(), 'scantling-check-'));
  try {
    const means = { registry, lists: new LayerLists({ registry, directory }) };
    const offers = new Map(asked.addons.map(offer => [offer.name, offer]));
    const compared = new Map<string, Compared>();
    for (const check of [...document.platforms, ...document.nodes]) {
      const key = keyOf(check);
      if (check.set === undefined || compared.has(key)) continue;
      const addons = check.addons.map(({ name, image }) => ({ name, image, allowReplace: offers.get(name)?.allowReplace ?? [] }));
      const system = { image: image.image, platform: check.platform };
      compared.set(key, await compareAddons(means, { addons, system }, auth));
    }
    return withCompared(document, check => compared.get(keyOf(check)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function keyOf({ platform, set }: PlatformCheck): string {
  return `${platform} ${set ?? ''}`;
}

/** A registry did not say what the image is, or what is in it or in an addon. */
class LookUpError extends Error {}

async function lookUp<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TransientError || error instanceof NotFoundError)
      throw new LookUpError(`${reasonOf(error)}: ${messageOf(error)}`, { cause: error });
    throw error;
  }
}
