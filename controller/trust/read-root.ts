/** The trusted root that an authority names, and the keys in it. */
import { StallingError, TransientError, messageOf, reasonOf } from '../api/errors.ts';
import type { TrustPolicySpecAuthorityKeylessTrustedRoot } from '../api/trust-policy.ts';
import type { PolicyReason } from './reasons.ts';
import type { RootKey } from './rules.ts';
import { type Sources, present, textOf } from './sources.ts';

export interface ReadRoot {
  /** The trusted_root.json. */
  text: string;
  keys: readonly RootKey[];
}

/** A trusted root that nothing vouches for at present: what was read of it before ends with its own metadata, and is not to be kept beyond. */
export class UnvouchedRootError extends TransientError {}

/**
 * @throws StallingError `InvalidKey` where it cannot be used, and whatever the source throws
 */
export async function readRoot(spec: TrustPolicySpecAuthorityKeylessTrustedRoot, sources: Sources): Promise<ReadRoot> {
  return checked(await textOfRoot(spec, sources));
}

async function textOfRoot(spec: TrustPolicySpecAuthorityKeylessTrustedRoot, sources: Sources): Promise<string> {
  const { data, configMapRef, tuf } = spec;
  if (data !== undefined) return data;
  if (configMapRef) return textOf(sources, 'configMap', { key: 'trusted_root.json', ...present(configMapRef) });
  if (!tuf) return vouchedRoot(sources, { public: true });
  const root = await textOf(sources, 'configMap', { key: 'root.json', ...present(tuf.rootConfigMapRef) });
  return vouchedRoot(sources, { url: tuf.url, root });
}

async function vouchedRoot(sources: Sources, from: Parameters<Sources['trustedRoot']>[0]): Promise<string> {
  try {
    return await sources.trustedRoot(from);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    throw new UnvouchedRootError(reasonOf(error), messageOf(error), { cause: error });
  }
}

/** Loaded with the first root: most policies have none, and what reads them is large. */
async function checked(text: string): Promise<ReadRoot> {
  const [{ trustMaterialOf }, { keysOfRoot }] = await Promise.all([import('./trust-material.ts'), import('./root-keys.ts')]);
  try {
    trustMaterialOf(text, []);
    return { text, keys: keysOfRoot(text) };
  } catch (error) {
    throw new StallingError('InvalidKey' satisfies PolicyReason, `its trusted root cannot be used: ${messageOf(error)}`);
  }
}
