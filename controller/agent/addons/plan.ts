/** What is to be done with a host's addons: pure. What a deployment merges is in its record, and what this boot has merged in its seal. */
import type { Condition } from '../../api/meta.ts';
import type { NodeTargetSpec } from '../../api/node-target.ts';
import { type AddonSeal, type AddonSupport, sealReasons } from '../../host-addons/seal.ts';
import type { BootEntry } from '../bootc-status.ts';
import { digestOf } from '../target.ts';
import type { AgentReason } from '../reasons.ts';
import { formatRecord, isDeployment, RecordFormatError } from './record.ts';
import type { AddonRecord } from './record.ts';

/** The records of one deployment of the host. */
export interface DeploymentRecords {
  /** A text where the file is damaged. */
  current?: AddonRecord | string;
  next?: AddonRecord | string;
}

/** What the boot scripts and the records say. */
export interface AddonFacts {
  /** Absent where the booted image has no scripts of ours, or they did not run. */
  support?: AddonSupport;
  /** Of this boot and this deployment; absent while there is none. */
  seal?: AddonSeal;
  /** What the scripts wrote and cannot be read; it counts as absent. */
  damage?: string;
  booted: DeploymentRecords;
  staged: DeploymentRecords;
  /** What waits for a deployment of the target's image that has no record of its own; a text where the file is damaged. */
  ahead?: AddonRecord | string;
}

/** Addons of the target; empty without a set. */
export function addonsOf(spec: Pick<NodeTargetSpec, 'addons'>): NonNullable<NodeTargetSpec['addons']> {
  return spec.addons ?? [];
}

/** The name of an entry's deployment in records: what the boot script finds it by. Undefined where bootc does not tell. */
export function recordKey(entry: BootEntry | undefined): string | undefined {
  const name = entry?.deployment?.replace(/\.\d+$/, '');
  return name !== undefined && isDeployment(name) ? name : undefined;
}

/** The record that an entry of the target's image is to have; undefined where its deployment or its image is not known. */
export function wantedRecord(entry: BootEntry | undefined, spec: NodeTargetSpec): AddonRecord | undefined {
  const deployment = recordKey(entry);
  if (deployment === undefined || entry?.digest === undefined) return undefined;
  return {
    image: entry.digest,
    deployment,
    ...(spec.addonSet === undefined ? {} : { set: spec.addonSet }),
    addons: addonsOf(spec).map(({ name, digest, size, services }) => ({ name, digest, size, services: services ?? [] })),
  };
}

/**
 * The name of the record that waits for an image: the digest in the reference that it is staged by, which the origin of each of its deployments
 * has. Undefined for a reference without one.
 */
export function aheadKey(image: string | undefined): string | undefined {
  const name = image?.split('@sha256:')[1];
  return name !== undefined && isDeployment(name) ? name : undefined;
}

/** The record that is to wait for the target's image, whose deployment is not known yet. */
export function aheadRecord(spec: NodeTargetSpec): AddonRecord | undefined {
  const deployment = aheadKey(spec.image);
  return wantedRecord({ ...unseen, digest: digestOf(spec.image), ...(deployment === undefined ? {} : { deployment }) }, spec);
}

/** An entry of which bootc says nothing yet. */
export const unseen: BootEntry = { locked: false, incompatible: false, pinned: false, softRebootCapable: false };

/** Whether a record on the disk is this one; none at all is as good as an empty one. */
export function isRecorded(found: AddonRecord | string | undefined, wanted: AddonRecord | undefined): boolean {
  if (found === undefined) return wanted?.set === undefined;
  return typeof found !== 'string' && wanted !== undefined && formatRecord(found) === textOf(wanted);
}

/** Undefined for a record that cannot be written: the attempt to prepare it says why. */
function textOf(record: AddonRecord): string | undefined {
  try {
    return formatRecord(record);
  } catch (error) {
    if (error instanceof RecordFormatError) return undefined;
    throw error;
  }
}

/** Whether the host runs the target's addons: all of them and no others of ours. */
export function addonsRun(facts: AddonFacts | undefined, spec: Pick<NodeTargetSpec, 'addonSet'>): boolean {
  const { seal } = facts ?? {};
  if (spec.addonSet === undefined) return (seal?.set ?? null) === null;
  return seal?.set === spec.addonSet && seal.state === 'Merged';
}

/** The boot scripts are there and have not said yet what they merged. */
export function awaitsSeal(facts: AddonFacts | undefined): boolean {
  return facts?.support !== undefined && facts.seal === undefined;
}

/** Why this host can merge no addons; undefined where it can. */
export function unsupported(facts: AddonFacts | undefined): string | undefined {
  const { support } = facts ?? {};
  if (!support) return 'the image that runs has no units for addons, or they did not run';
  // They would look for no record of ours.
  if (support.deployment === null) return 'the units for addons do not find out which deployment runs';
  return support.supported ? undefined : (support.message ?? support.reason ?? 'the host says that it can merge none');
}

/** The condition AddonsSupported; undefined where nobody asks for addons and the image that runs has no units for them. */
export function supportCondition(
  facts: AddonFacts,
  { addonSet }: Pick<NodeTargetSpec, 'addonSet'>,
): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  const { support } = facts;
  if (!support && addonSet === undefined) return undefined;
  const why = unsupported(facts);
  if (why === undefined) {
    const by = support?.systemd ? `systemd ${support.systemd}` : 'the host';
    return { status: 'True', reason: 'AddonsSupported' satisfies AgentReason, message: `${by} can merge addons over the image` };
  }
  const { reason = '' } = support ?? {};
  // The API refuses a status with a reason that is no word, and a newer image may know reasons that are in no table here.
  const known = Object.hasOwn(sealReasons, reason) ? reason : ('AddonsUnsupported' satisfies AgentReason);
  return { status: 'False', reason: known, message: why.slice(0, 1024) };
}

/**
 * Whether a target with addons is of use here. Where the image that runs has no units for them the next one may bring them, with a profile of its own
 * even: a host that waited for the units could never get that image.
 */
export function takesAddons(facts: AddonFacts | undefined): boolean {
  return facts !== undefined && (facts.support === undefined || unsupported(facts) === undefined);
}

/** Whether addons can be changed here without a reboot. */
export function appliesLive(facts: AddonFacts | undefined): boolean {
  return facts?.support?.live === true && unsupported(facts) === undefined;
}

/** What the next boot of the target's image will merge, where that is prepared; as the report has it. */
export function preparedOf(
  facts: AddonFacts | undefined,
  entry: { staged: BootEntry | undefined; booted: BootEntry | undefined },
): { image: string; set?: string } | undefined {
  if (!facts) return undefined;
  if (entry.staged) return said(entry.staged, facts.staged.current);
  const { current, next } = facts.booted;
  if (next !== undefined) return said(entry.booted, next);
  const isLive = typeof current !== 'object' || (current.set ?? null) === (facts.seal?.set ?? null);
  return isLive ? undefined : said(entry.booted, current);
}

function said(
  entry: BootEntry | undefined,
  record: AddonRecord | string | undefined,
): { image: string; set?: string } | undefined {
  if (typeof record !== 'object' || entry?.digest === undefined) return undefined;
  return { image: entry.digest, ...(record.set === undefined ? {} : { set: record.set }) };
}

/** What is wrong with the addons that were merged, in words; undefined where they are these. */
export function mergeFailure(seal: AddonSeal | undefined, set: string | undefined): string | undefined {
  // Nothing is wanted and nothing is merged: what the scripts say of records that nobody needs is no failure of the image.
  if (set === undefined && (seal?.set ?? null) === null) return undefined;
  if (!seal) return 'nothing on the host says what was merged';
  if ((seal.set ?? undefined) !== set) {
    const found = seal.set === null ? 'no addons' : `the addons ${seal.set}`;
    return `the boot merged ${found} instead${seal.message === undefined ? '' : `: ${seal.message}`}`;
  }
  if (seal.state === 'Merged') return undefined;
  const missing = seal.addons.filter(a => a.state !== 'Merged').map(a => `${a.name}: ${a.message ?? a.reason ?? a.state}`);
  return [seal.message ?? 'not all addons are merged', ...missing].join('; ');
}
