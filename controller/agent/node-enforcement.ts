/** How far the host itself sees to the trust policies: pure. */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import {
  type HostAcceptance,
  type HostTrust,
  hostRuleText,
  hostScopeOf,
  hostTrustPaths,
  parseHostTrust,
} from '../api/host-trust.ts';
import type { Condition } from '../api/meta.ts';
import { acceptanceOf, keysIn, looksForSignatures, requirementsOf } from './container-policy.ts';
import type { AgentReason } from './reasons.ts';
import type { SignaturePolicy } from './signature-policy.ts';

export interface EnforcementInput {
  /** What the host says it accepts. */
  policy: SignaturePolicy;
  /** The target, as repository@digest. */
  image: string;
  /** How bootc was told to enforce signatures when the image that runs was installed. */
  bootedSignature: string | undefined;
  /** What it is to require of images of the target's repository, as the policies are now (digest of hostRuleText); undefined where there is nothing to compare with. */
  wantedRule: string | undefined;
}

type Says = Pick<Condition, 'status' | 'reason' | 'message'>;

/** Since this one skopeo knows a list of keys in a policy (containers/image 5.33); an earlier one refuses the whole file. */
const keyListsSince = [1, 17] as const;

/** The condition NodeEnforcement. */
export function enforcementOf(input: EnforcementInput): Says {
  const { policy, image } = input;
  if (policy.trouble !== undefined) {
    return {
      status: 'Unknown',
      reason: 'PolicyUnreadable' satisfies AgentReason,
      message: `what the host accepts cannot be read: ${policy.trouble}`,
    };
  }
  const name = image.replace(/@.*$/, '');
  const trust = policy.marker === undefined ? undefined : parseHostTrust(policy.marker);
  const accepts = policy.policy ? acceptanceOf(policy.policy.text, name) : 'Nothing';
  const faults = trust ? [...faultsOf(trust, input, name), ...outdated(input, name)] : [withoutMarker(policy)];
  if (accepts === 'Anything')
    return says('None', [`images of ${name} are accepted without a signature`, ...reasonsFor(trust, name), ...faults]);
  const gaps = [...faults, ...(trust ? gapsOf(trust, name) : []), ...flagOf(input)];
  return gaps.length > 0 ? says('Partial', gaps) : says('Full', [inForce(accepts, name)]);
}

function says(reason: 'Full' | 'Partial' | 'None', words: readonly string[]): Says {
  return {
    status: reason === 'Full' ? 'True' : 'False',
    reason: reason satisfies AgentReason,
    message: words.join('; ').slice(0, 2048),
  };
}

function inForce(accepts: HostAcceptance | undefined, name: string): string {
  return accepts === 'Signatures'
    ? `images of ${name} need the signatures that the trust policies ask for`
    : `every image of ${name} is refused`;
}

function withoutMarker({ policy, marker }: SignaturePolicy): string {
  if (marker !== undefined) return `${hostTrustPaths.marker} cannot be understood by this agent`;
  const own = policy ? `${policy.path} is the host's own` : 'the host has no policy.json';
  return `the image that runs was made without a trust policy, and ${own}`;
}

/** What makes the host's policy another one than the image came with, or keeps it from working. */
function faultsOf(trust: HostTrust, { policy: { policy, lookups, skopeoVersion } }: EnforcementInput, name: string): string[] {
  if (!policy) return [`${hostTrustPaths.policy} is missing, and every pull is refused; restore it from /usr/etc`];
  if (policy.path !== hostTrustPaths.policy) return [`${policy.path} is read in place of ${hostTrustPaths.policy}; remove it`];
  if (digestOf(policy.text) !== trust.policy)
    return [`${policy.path} was changed on the host and is not what its image came with; copy it from /usr/etc/containers`];
  const looked = hostScopeOf(trust.scopes, name)?.accepts === 'Signatures' ? lookedFor(lookups, name) : undefined;
  return [...(looked === undefined ? [] : [looked]), ...tooOld(policy.text, skopeoVersion)];
}

/** The image that runs brought the rules of its time: those that are in force since are in the next. */
function outdated({ policy: { policy }, wantedRule }: EnforcementInput, name: string): string[] {
  const requirements = policy && requirementsOf(policy.text, name);
  if (wantedRule === undefined || !requirements || digestOf(hostRuleText(requirements)) === wantedRule) return [];
  const keys = keysIn(requirements);
  const [first = '', ...others] = keys;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  const has = keys.length > 0 ? `takes signatures by key ${first}${more}` : 'has those';
  return [
    `the trust policies for ${name} were changed since the image was made, and the host still ${has}; the next image brings the new rules`,
  ];
}

function lookedFor(lookups: SignaturePolicy['lookups'], name: string): string | undefined {
  const broken = lookups.find(({ text }) => parsedYAML(text) === undefined);
  if (broken) return `${broken.path} is no YAML, and every pull is refused`;
  const looks = looksForSignatures(
    lookups.map(({ path, text }) => ({ path, said: parsedYAML(text)?.value })),
    name,
  );
  if (typeof looks === 'string') return `${looks}, and every pull is refused; remove one of them`;
  return looks
    ? undefined
    : `signatures of ${name} are not looked for (use-sigstore-attachments in registries.d), and every pull is refused`;
}

function parsedYAML(text: string): { value: unknown } | undefined {
  try {
    return { value: parse(text) };
  } catch {
    // Said of its file.
    return undefined;
  }
}

function tooOld(policy: string, version: string | undefined): string[] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  if (major === undefined || minor === undefined || !needsKeyLists(policy)) return [];
  const [neededMajor, neededMinor] = keyListsSince;
  if (Number(major) > neededMajor || (Number(major) === neededMajor && Number(minor) >= neededMinor)) return [];
  return [
    `skopeo ${version} on the host knows no list of keys (1.17 does), and every pull is refused; update it in the image, or let one key sign`,
  ];
}

/** Whether an older skopeo would refuse the file. */
export function needsKeyLists(policy: string): boolean {
  return policy.includes('"keyDatas"');
}

function reasonsFor(trust: HostTrust | undefined, name: string): readonly string[] {
  return (trust && hostScopeOf(trust.scopes, name)?.limits) ?? [];
}

/** What the image's policy leaves to the controller. */
function gapsOf(trust: HostTrust, name: string): string[] {
  const open = trust.scopes
    .filter(({ accepts }) => accepts === 'Anything')
    .map(({ scope }) => (scope === '' ? 'all other names' : scope));
  return [...reasonsFor(trust, name), ...(open.length > 0 ? [`anything is accepted of ${open.join(', ')}`] : [])];
}

function flagOf({ bootedSignature }: EnforcementInput): string[] {
  if (bootedSignature === 'containerPolicy') return [];
  return ['the image that runs was installed without --enforce-container-sigpolicy; the next update sets it'];
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
