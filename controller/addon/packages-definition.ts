/** The SystemDefinition that installs the packages of one variant: what it is to be, and what its status says of them. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf, isTrue } from '../api/conditions.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import { addonLabel, approveBase, requestedAt, sourceLabel } from '../api/names.ts';
import type {
  SystemAddon,
  SystemAddonSpec,
  SystemAddonSpecVariant,
  SystemAddonSpecVariantSourcePackages,
} from '../api/system-addon.ts';
import type { SystemDefinition, SystemDefinitionSpec } from '../api/system-definition.ts';
import { sha256 } from '../registry/digest.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { AddonReason } from './reasons.ts';
import { variantKey } from './variant-key.ts';

/** What is installed. */
export interface Installed {
  /** `repository@digest` of the image that has the packages. */
  image: string;
  /** The same of the system that they are installed over: the lowest layers of the image are its. */
  base: string;
}

export type WantedDefinition = Pick<SystemDefinition, 'apiVersion' | 'kind' | 'metadata'> & {
  spec: Omit<SystemDefinitionSpec, 'history'>;
};

/** What of an addon matters to it. */
type Addon = Pick<SystemAddon, 'apiVersion' | 'kind' | 'metadata'> & {
  spec: Pick<SystemAddonSpec, 'pullSecretRef' | 'output' | 'signing' | 'interval' | 'suspend'>;
};

/** Its change wakes the addon; this bounds what a wake-up that went astray costs. */
const recheckMs = 60_000;
/** The garbage collector takes those of a deleted addon in about this time. */
const collectionRecheckMs = 5_000;
/** As the schema of definitions has it. */
const defaultTimeout = '30m';

/** As `tool-packages-3f2a91c0`: the same for as long as platform and os of the variant are, wherever it stands in the spec. */
export function packagesName(addon: string, variant: SystemAddonSpecVariant): string {
  return `${addon}-packages-${sha256(variantKey(variant)).slice('sha256:'.length, 'sha256:'.length + 8)}`;
}

/** The whole object, owned by the addon, and in its shard. It is suspended while the addon is. What a person asks of the addon it is asked as well. */
export function packagesDefinition(
  { apiVersion, kind, metadata, spec }: Addon,
  variant: SystemAddonSpecVariant,
  packages: SystemAddonSpecVariantSourcePackages,
): WantedDefinition {
  const { base, manager, install, repositories, build } = packages;
  const { pullSecretRef, output, signing, interval, suspend } = spec;
  const { [sourceLabel]: _source, ...labels } = metadata.labels ?? {};
  const asked = [requestedAt, approveBase].flatMap((name): [string, string][] => {
    const value = metadata.annotations?.[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemDefinition',
    metadata: {
      name: packagesName(metadata.name, variant),
      labels: { ...labels, [addonLabel]: metadata.name },
      ...(asked.length > 0 ? { annotations: Object.fromEntries(asked) } : {}),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true }],
    },
    spec: {
      base: { ...base, ...(pullSecretRef ? { pullSecretRef } : {}), interval },
      packages: {
        manager,
        install,
        ...(repositories ? { repositories: repositories.map(repository => ({ ...repository, keep: false })) } : {}),
      },
      platforms: [variant.platform],
      output,
      ...(signing ? { signing: { ...signing, sbom: 'None' } } : {}),
      // It is no system that boots, so nothing of it has to be as bootc wants it.
      build: { timeout: defaultTimeout, ...build, suspend, lint: 'Off' },
    },
  };
}

/** Whether what is there is not what is wanted, and writing that would help. How many builds are kept is nobody's business but the reader's. */
export function isOutdated(wanted: WantedDefinition, found: SystemDefinition): boolean {
  const has = (of: 'labels' | 'annotations'): boolean =>
    Object.entries(wanted.metadata[of] ?? {}).every(([name, value]) => found.metadata[of]?.[name] === value);
  return !has('labels') || !has('annotations') || strangeFields(wanted, found).length > 0;
}

/** Names of the fields of spec that are not as wanted. */
function strangeFields(wanted: WantedDefinition, { spec }: SystemDefinition): string[] {
  const { history: _history, ...own } = spec;
  const [is, should] = [new Map(Object.entries(own)), new Map(Object.entries(wanted.spec))];
  return [...new Set([...is.keys(), ...should.keys()])].filter(name => !isDeepStrictEqual(is.get(name), should.get(name)));
}

/** @throws WaitingError `PackagesNotOwned` for a definition of another */
export function requireOwn({ metadata: wanted }: WantedDefinition, { metadata }: SystemDefinition): void {
  const uid = wanted.ownerReferences?.[0]?.uid;
  const owned = metadata.ownerReferences?.some(owner => owner.uid === uid) ?? false;
  if (owned && metadata.deletionTimestamp === undefined) return;
  const message = `SystemDefinition ${metadata.name} is not this addon's, or is being deleted; its packages are installed when that is gone`;
  throw new WaitingError('PackagesNotOwned' satisfies AddonReason, message, collectionRecheckMs);
}

/**
 * What is installed, once that is what is wanted.
 * @throws WaitingError `PackagesBuilding` while it is not; StallingError `PackagesFailed` where a person has to do something, in the words of the definition
 */
export function installedBy(wanted: WantedDefinition, definition: SystemDefinition): Installed {
  const { metadata, status } = definition;
  const name = `SystemDefinition ${metadata.name}`;
  const strange = strangeFields(wanted, definition);
  if (strange.length > 0) {
    const fields = strange.map(field => `spec.${field}`).join(', ');
    const why = `${name} has been changed by hand (${fields}), and is not installed from; delete it, and it is made anew`;
    throw new StallingError('PackagesFailed' satisfies AddonReason, why);
  }
  const ready = conditionOf(status?.conditions, 'Ready');
  const asked = metadata.annotations?.[requestedAt];
  const heard = asked === undefined || asked === status?.lastHandledReconcileAt;
  if (!ready || ready.observedGeneration !== metadata.generation || !heard)
    throw building(`${name} is asked for the packages, and has not said anything of that yet`);
  if (isTrue(status?.conditions, 'Stalled'))
    throw new StallingError('PackagesFailed' satisfies AddonReason, `${name}: ${ready.message}`);
  const { image, base: { image: base, digest } = {} } = status ?? {};
  if (ready.status !== 'True' || !image || !base || !digest) throw building(`${name}: ${ready.message}`);
  return { image, base: `${repositoryOf(parseReference(base))}@${digest}` };
}

function building(message: string): WaitingError {
  return new WaitingError('PackagesBuilding' satisfies AddonReason, message, recheckMs);
}
