/** Which addons a node gets, down to their bytes, or everything that is in the way (pure). */
import { type ResolvedAddon, maxAddons } from '../api/addon-set.ts';
import { collisionProblems } from './collision-problems.ts';
import type { AddonContent, ListedFile } from './collisions.ts';
import type { AddonOffer, OfferedImage } from './choice.ts';
import type { MergedEntry, Profile } from './profile.ts';
import type { ProfileProblem, ProfileReason } from './profile-reasons.ts';
import { type HostFeatures, missingOf, orderByRequirements } from './requires.ts';
import { type HostSystem, variantFor, variantName } from './variant.ts';

/** What is known of a node, or of several that are alike in all of it. */
export type ProfileHost = HostSystem &
  HostFeatures & {
    /** Version of systemd that it probably has, where that is not known: variants are chosen by it, and nothing is missing because of it. */
    likelySystemd?: number;
  };

export interface ResolveRequest {
  profile: Profile;
  /** Every SystemAddon there is, or at least those of the profile, by name. What is not in it does not exist. */
  addons: ReadonlyMap<string, AddonOffer>;
  host: ProfileHost;
  /** What is in the images, by the digest of the raw file. What is not in it is not compared. */
  contents?: ReadonlyMap<string, readonly ListedFile[]>;
  /** What is in the system's image, where that is known. */
  base?: readonly ListedFile[];
}

/** The set, each addon after those that it requires; or what is in the way, in which case nothing of the profile can be given. */
export type Resolution = { addons: readonly ResolvedAddon[] } | { problems: readonly ProfileProblem[] };

interface Chosen {
  name: string;
  entry: MergedEntry;
  requires: OfferedImage['requires'];
  made: OfferedImage;
  apply: AddonOffer['apply'];
}

export function resolveProfile(request: ResolveRequest): Resolution {
  const { profile } = request;
  const tooMany = profile.entries.slice(maxAddons).map(({ name }) => ({
    name,
    reason: 'TooManyAddons' as const,
    message: `the profile has ${profile.entries.length} addons, and a node gets at most ${maxAddons}`,
  }));
  if (tooMany[0]) return { problems: [tooMany[0]] };
  const problems: ProfileProblem[] = [];
  const chosen = new Map<string, Chosen>();
  for (const entry of profile.entries) {
    const before = chosen.get(entry.addon);
    const choice = before ? sameAddon(before, entry) : choose(entry, request);
    if ('reason' in choice) problems.push(choice);
    else chosen.set(choice.name, choice);
  }
  const all = [...chosen.values()];
  problems.push(...all.flatMap(addon => requirementProblems(addon, request)));
  const order = orderByRequirements(all);
  if ('cycles' in order) problems.push(...order.cycles.map(cycleProblem));
  problems.push(...collisionProblems(listedOf(all, request), request.base ?? []));
  return problems.length > 0 || 'cycles' in order ? { problems } : { addons: order.ordered.map(resolved) };
}

function resolved({ name, entry, apply, made: { image, digest, size, services, requires } }: Chosen): ResolvedAddon {
  const { kernelModules = [], paths = [] } = requires;
  const ofHost = { ...(kernelModules.length > 0 ? { kernelModules } : {}), ...(paths.length > 0 ? { paths } : {}) };
  return {
    name,
    image,
    digest,
    size,
    ...(services.length > 0 ? { services } : {}),
    ...(Object.keys(ofHost).length > 0 ? { requires: ofHost } : {}),
    ...(apply ? { apply } : {}),
    from: entry.from,
  };
}

function sameAddon({ entry: { name: before } }: Chosen, { name, addon }: MergedEntry): ProfileProblem {
  return {
    name: addon,
    reason: 'SameAddon',
    message: `the profile has ${addon} twice, as ${before} and as ${name}; take one away`,
  };
}

function choose(entry: MergedEntry, { addons, host }: ResolveRequest): Chosen | ProfileProblem {
  const { addon: name } = entry;
  const problem = (reason: ProfileReason, message: string): ProfileProblem => ({ name, reason, message });
  const offer = addons.get(name);
  if (!offer) return problem('UnknownAddon', `there is no SystemAddon ${name}, which ${origin(entry)}`);
  const systemd = host.systemd ?? host.likelySystemd;
  const found = variantFor(offer.variants, { ...host, ...(systemd === undefined ? {} : { systemd }) });
  if ('why' in found) return problem('NoVariant', found.why);
  const { variant } = found;
  const { made, trouble } = variant;
  if (made) return { name, entry, requires: made.requires, made, apply: offer.apply };
  const why = trouble === undefined ? 'it is being made' : trouble;
  return problem('AddonNotReady', `its variant ${variantName(variant)} has no image yet: ${why}`);
}

/** Who asked for an entry, and in place of what. */
function origin({ name, from, replaces }: MergedEntry): string {
  const instead = replaces ? `, in place of ${replaces.addon} (${replaces.from})` : '';
  return `the ${from}'s profile names for ${name}${instead}`;
}

function requirementProblems({ name, requires }: Chosen, { profile, host }: ResolveRequest): ProfileProblem[] {
  const there = new Set(profile.entries.map(({ addon }) => addon));
  const others = (requires.addons ?? [])
    .filter(required => !there.has(required))
    .map((required): ProfileProblem => {
      const mask = profile.masked.find(({ name, masks }) => (masks?.addon ?? name) === required);
      return mask
        ? { name, reason: 'Masked', message: `requires ${required}, which the ${mask.by}'s profile takes away as ${mask.name}` }
        : { name, reason: 'RequirementMissing', message: `requires ${required}, which is not in the profile` };
    });
  const missing = missingOf(requires, host);
  if (missing.length === 0) return others;
  return [
    ...others,
    { name, reason: 'RequirementMissing', message: `requires what the node does not have: ${missing.join(', ')}` },
  ];
}

function cycleProblem(cycle: readonly string[]): ProfileProblem {
  return { name: cycle[0] ?? '', reason: 'RequiresCycle', message: `they require each other in a circle: ${cycle.join(' → ')}` };
}

function listedOf(chosen: readonly Chosen[], { contents }: ResolveRequest): AddonContent[] {
  return chosen.flatMap(({ name, made }) => {
    const files = contents?.get(made.digest);
    return files ? [{ name, files }] : [];
  });
}
