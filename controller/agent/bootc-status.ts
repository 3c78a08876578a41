/**
 * What `bootc status --json --format-version=1` says. Keys come and go with releases (downloadOnly 1.12, usrOverlay 1.14, readOnly
 * 1.16.7), so what is unknown is ignored and what is missing has its default; the four outer keys are stable.
 */

export interface ImageReference {
  image: string;
  transport: string;
  /** How signatures are enforced: containerPolicy, insecure, or ostreeRemote:NAME; absent when they are not. */
  signature?: string;
}

/** A boot entry: booted, staged or rollback. */
export interface BootEntry {
  /** Absent when the entry was not made from a container image, or has packages layered on it. */
  reference?: ImageReference;
  /** Digest of the platform's manifest, also where the reference names an index. */
  digest?: string;
  version?: string;
  timestamp?: string;
  architecture?: string;
  /** Staged with the finalization lock (`downloadOnly`): without effect on the next boot. */
  locked: boolean;
  /** Packages are layered on the image; bootc cannot update it. */
  incompatible: boolean;
  pinned: boolean;
  softRebootCapable: boolean;
  /** Tells one staging of an image from the next; absent on the composefs backend of old releases. */
  deployment?: string;
}

export interface BootcStatus {
  /** What the host follows: the staged image, else the booted one. */
  followed?: ImageReference;
  booted?: BootEntry;
  staged?: BootEntry;
  rollback?: BootEntry;
  others: BootEntry[];
  rollbackQueued: boolean;
  /** `bootc usr-overlay` is in effect: the running /usr is not the image's. */
  usrOverlay: boolean;
  /** A live system that cannot be updated. */
  readOnly: boolean;
}

/** Text that is not a Host document. */
export class StatusFormatError extends Error {}

/** Parses the document. Throws StatusFormatError when it is no JSON or not a Host. */
export function parseBootcStatus(text: string): BootcStatus {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new StatusFormatError(`bootc status printed no JSON: ${text.slice(0, 200)}`, { cause: error });
  }
  const document = record(parsed);
  if (document?.['kind'] !== 'BootcHost') throw new StatusFormatError(`bootc status printed no BootcHost: ${text.slice(0, 200)}`);
  const status = record(document['status']) ?? {};
  const others = Array.isArray(status['otherDeployments']) ? status['otherDeployments'] : [];
  return {
    ...optional('followed', reference(record(document['spec'])?.['image'])),
    ...optional('booted', entry(status['booted'])),
    ...optional('staged', entry(status['staged'])),
    ...optional('rollback', entry(status['rollback'])),
    others: others.map(entry).filter(e => e !== undefined),
    rollbackQueued: status['rollbackQueued'] === true,
    usrOverlay: record(status['usrOverlay']) !== undefined,
    readOnly: status['readOnly'] === true,
  };
}

/** What the next boot runs. */
export function nextBoot(status: BootcStatus): BootEntry | undefined {
  if (status.rollbackQueued) return status.rollback;
  return status.staged && !status.staged.locked ? status.staged : status.booted;
}

function entry(value: unknown): BootEntry | undefined {
  const e = record(value);
  if (!e) return undefined;
  const image = record(e['image']);
  return {
    ...optional('reference', reference(image?.['image'])),
    ...optional('digest', string(image?.['imageDigest'])),
    ...optional('version', string(image?.['version'])),
    ...optional('timestamp', string(image?.['timestamp'])),
    ...optional('architecture', string(image?.['architecture'])),
    locked: e['downloadOnly'] === true,
    incompatible: e['incompatible'] === true,
    pinned: e['pinned'] === true,
    softRebootCapable: e['softRebootCapable'] === true,
    ...optional('deployment', deployment(e)),
  };
}

function deployment(e: Record<string, unknown>): string | undefined {
  const ostree = record(e['ostree']);
  const checksum = string(ostree?.['checksum']);
  if (checksum !== undefined) return `${checksum}.${Number(ostree?.['deploySerial'] ?? 0)}`;
  return string(record(e['composefs'])?.['verity']);
}

function reference(value: unknown): ImageReference | undefined {
  const r = record(value);
  const image = string(r?.['image']);
  if (!r || image === undefined) return undefined;
  return { image, transport: string(r['transport']) ?? 'registry', ...optional('signature', signature(r['signature'])) };
}

/** A union in bootc: "containerPolicy", "insecure", or an object that names an ostree remote. */
function signature(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const remote = record(value)?.['ostreeRemote'];
  return typeof remote === 'string' ? `ostreeRemote:${remote}` : undefined;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
