/**
 * What the boot scripts say of a host's addons: the seal (/run/scantling/seal.json), what is merged now as it was read back, and the support
 * (/run/scantling/addons-support.json), whether this host can merge any. Pure. Unknown keys are ignored, so that a newer image may say more.
 */

/** Where the scripts write, below the host's root. Both are replaced by one rename, 0444, and gone after a reboot. */
export const sealPath = 'run/scantling/seal.json';
export const supportPath = 'run/scantling/addons-support.json';

/** The scripts themselves, below the root of a system that has them. */
export const programPath = 'usr/libexec/scantling/scantling-addons';

/** Why an addon is not merged, a host can merge none, or a record was not used. */
export const sealReasons = {
  NotInStore: 'The file of the addon is not on the host.',
  Spoiled: 'The file of the addon has another size or digest than it should.',
  NotErofs: 'The file of the addon cannot be mounted as erofs.',
  WrongRelease: 'The addon is for another operating system, release or architecture.',
  NameMismatch: 'The addon has no extension-release file of its own name.',
  HasOSRelease: 'The addon has an os-release file, which systemd-sysext refuses.',
  NotLinked: 'Something else on the host stands where the addon would be linked.',
  NotMerged: 'systemd-sysext did not merge the addon, or it is not visible in /usr.',
  OverlayDepth: 'The file system of /usr takes no overlay on top: the stack of the kernel is too deep.',
  NoSysext: 'The host has no systemd-sysext, or one older than 252.',
  Disabled: 'Merging is turned off on this host.',
  RecordDamaged: 'The record of what to merge cannot be read.',
  ServiceFailed: 'A service of the addon did not come up after a live change.',
  GivenUp: 'The record was booted three times, and no agent came up that could prove it.',
} as const;

/** One boot of one deployment. A soft reboot keeps `boot` and raises `softReboots`. */
export interface SealedBoot {
  /** /proc/sys/kernel/random/boot_id. */
  boot: string;
  softReboots: number;
  /** Checksum of the ostree deployment or its composefs digest; null where the script found neither. */
  deployment: string | null;
}

export interface SealProblem {
  /** One of sealReasons; a newer image may know others. */
  reason: string;
  message: string;
}

export interface SealedAddon {
  name: string;
  /** Digest of the raw that the record asks for: `sha256:<64 hex>`. */
  digest: string;
  /** Quarantined: refused before the merge. NotMerged: handed to systemd-sysext, and not there afterwards. */
  state: 'Merged' | 'Quarantined' | 'NotMerged';
  /** With every state but Merged. */
  reason?: string;
  message?: string;
}

/** The last change of addons of a running host (`scantling-addons live`). */
export interface SealedLive {
  /** Digest of the set that was asked for; null for none. */
  set: string | null;
  /** Refused: nothing was changed. Restored: it did not merge as it should, and the former set is merged again. */
  outcome: 'Applied' | 'Unchanged' | 'Refused' | 'Restored' | 'Failed';
  /** How long nothing was merged, in ms, rounded up; null where that was not measured: nothing was merged before or after. */
  gapMs: number | null;
  /** Units that were stopped or restarted for it; absent where an older script does not say. */
  restarted?: readonly string[];
  /** Epoch ms. */
  at: number;
  /** Why it was refused or restored. */
  problems: readonly (SealProblem & { name?: string })[];
}

export interface AddonSeal extends SealedBoot {
  /** Digest of the booted image as the record names it; null without a record. */
  image: string | null;
  /** Digest of the set of the record that was used; null for an empty set and without a record. */
  set: string | null;
  /** Which record was used: that of the deployment, the one before its last change, the last that was merged whole, or none. */
  record: 'current' | 'before' | 'good' | 'none';
  /** None: nothing was to be merged, and nothing of ours is. */
  state: 'Merged' | 'Partial' | 'Failed' | 'None';
  /** One for each addon of the record, in its order. */
  addons: readonly SealedAddon[];
  /** Names that systemd-sysext has merged and that are in no record of ours. */
  foreign: readonly string[];
  /** Epoch ms of the merge; null while nothing is merged. */
  since: number | null;
  /** What holds for all of them: RecordDamaged, GivenUp, NoSysext, Disabled, OverlayDepth. */
  reason?: string;
  message?: string;
  live?: SealedLive;
}

/** Whether this host can merge addons, as probed at boot before anything is merged. */
export interface AddonSupport extends SealedBoot {
  supported: boolean;
  /** Version of systemd, such as 257; null where it could not be asked. */
  systemd: number | null;
  /** The scripts can change addons without a reboot, and go on where they were killed. */
  live?: true;
  reason?: string;
  message?: string;
}

/** A text that is not what the scripts write. */
export class SealFormatError extends Error {}

const sealKind = 'scantling-addons-seal';
const supportKind = 'scantling-addons-support';
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** Reads a seal. Throws SealFormatError, saying what is wrong, for what is none, is cut, or is of a later version. */
export function parseSeal(text: string): AddonSeal {
  const seal = open(text, sealKind);
  const live = seal['live'] === undefined ? {} : { live: parseLive(seal['live']) };
  return {
    ...parseBoot(seal),
    image: digestOrNull(seal, 'image'),
    set: digestOrNull(seal, 'set'),
    record: oneOf(seal, 'record', ['current', 'before', 'good', 'none']),
    state: oneOf(seal, 'state', ['Merged', 'Partial', 'Failed', 'None']),
    addons: list(seal, 'addons').map(parseAddon),
    foreign: list(seal, 'foreign').map(name => checked(name, isText, 'foreign', 'no name')),
    since: numberOrNull(seal, 'since'),
    ...why(seal),
    ...live,
  };
}

/** Reads what was probed. Throws SealFormatError for what is none, is cut, or is of a later version. */
export function parseSupport(text: string): AddonSupport {
  const support = open(text, supportKind);
  return {
    ...parseBoot(support),
    supported: checked(support['supported'], value => typeof value === 'boolean', 'supported', 'neither true nor false'),
    systemd: numberOrNull(support, 'systemd'),
    ...(support['live'] === true ? { live: true } : {}),
    ...why(support),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function open(text: string, kind: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new SealFormatError('is no JSON: it is cut, or something else wrote it', { cause: error });
  }
  const document = fields(parsed, 'the document');
  if (document['kind'] !== kind) throw new SealFormatError(`is no ${kind}`);
  if (document['version'] !== 1) throw new SealFormatError(`is of version ${String(document['version'])}; 1 is known`);
  return document;
}

function parseBoot(from: Fields): SealedBoot {
  return {
    boot: textAt(from, 'boot'),
    softReboots: countAt(from, 'softReboots'),
    deployment: from['deployment'] === null ? null : textAt(from, 'deployment'),
  };
}

function parseAddon(value: unknown): SealedAddon {
  const addon = fields(value, 'an entry of addons');
  return {
    name: textAt(addon, 'name'),
    digest: checked(addon['digest'], isDigest, 'digest', 'no digest'),
    state: oneOf(addon, 'state', ['Merged', 'Quarantined', 'NotMerged']),
    ...why(addon),
  };
}

function parseLive(value: unknown): SealedLive {
  const live = fields(value, 'live');
  return {
    set: digestOrNull(live, 'set'),
    outcome: oneOf(live, 'outcome', ['Applied', 'Unchanged', 'Refused', 'Restored', 'Failed']),
    gapMs: numberOrNull(live, 'gapMs'),
    ...(live['restarted'] === undefined
      ? {}
      : { restarted: list(live, 'restarted').map(unit => checked(unit, isText, 'restarted', 'no unit')) }),
    at: countAt(live, 'at'),
    problems: list(live, 'problems').map(each => {
      const problem = fields(each, 'an entry of problems');
      const name = problem['name'] === undefined ? {} : { name: textAt(problem, 'name') };
      return { ...name, reason: textAt(problem, 'reason'), message: textAt(problem, 'message') };
    }),
  };
}

function why(from: Fields): Partial<SealProblem> {
  return {
    ...(from['reason'] === undefined ? {} : { reason: textAt(from, 'reason') }),
    ...(from['message'] === undefined ? {} : { message: textAt(from, 'message') }),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isDigest = (value: unknown): value is string => typeof value === 'string' && digestForm.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function checked<T>(value: unknown, is: (value: unknown) => value is T, key: string, wrong: string): T {
  if (!is(value)) throw new SealFormatError(`has ${wrong} in "${key}"`);
  return value;
}

function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SealFormatError(`has something else than an object as ${what}`);
  return value as Fields;
}

function list(from: Fields, key: string): readonly unknown[] {
  return checked(from[key], (value): value is unknown[] => Array.isArray(value), key, 'no list');
}

function textAt(from: Fields, key: string): string {
  return checked(from[key], isText, key, 'no text');
}

function countAt(from: Fields, key: string): number {
  return checked(from[key], isCount, key, 'no count');
}

function numberOrNull(from: Fields, key: string): number | null {
  return from[key] === null ? null : countAt(from, key);
}

function digestOrNull(from: Fields, key: string): string | null {
  return from[key] === null ? null : checked(from[key], isDigest, key, 'no digest');
}

function oneOf<T extends string>(from: Fields, key: string, known: readonly T[]): T {
  const found = known.find(each => each === from[key]);
  if (found === undefined) throw new SealFormatError(`has none of ${known.join(', ')} in "${key}"`);
  return found;
}
