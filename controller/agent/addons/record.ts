/** What one deployment of the host is to run on top of its image, as the boot script reads it: pure. One line a fact, and a digest over all at the end. */
import { createHash } from 'node:crypto';
import { isAddonName, maxAddons } from '../../api/addon-set.ts';

export interface RecordedAddon {
  name: string;
  /** Digest of the raw: `sha256:<64 hex>`. */
  digest: string;
  /** Bytes of the raw. */
  size: number;
  /** Units that are started after the merge. */
  services: readonly string[];
}

export interface AddonRecord {
  /** Digest of the image that the deployment is of. */
  image: string;
  /** Checksum of the ostree deployment, or its composefs digest. */
  deployment: string;
  /** Digest of the set; absent for a deployment that is to run its image alone. */
  set?: string;
  /** In the order in which they are merged. */
  addons: readonly RecordedAddon[];
}

/** A text that is no record, or not all of one. */
export class RecordFormatError extends Error {}

const hex = /^[0-9a-f]{64}$/;
const digestForm = /^sha256:[0-9a-f]{64}$/;
const deploymentForm = /^[0-9a-f]{64}([0-9a-f]{64})?$/;
const unitForm = /^[A-Za-z0-9:_.\\@-]{1,255}$/;
const header = 'scantling addons 1';

/** Whether a text can name a deployment: it becomes the name of a file. */
export function isDeployment(text: string): boolean {
  return deploymentForm.test(text);
}

/** The text of a record. Throws RecordFormatError for what could not be read back. */
export function formatRecord(record: AddonRecord): string {
  const odd = record.addons.flatMap(({ services }) => services).find(unit => !unitForm.test(unit));
  if (odd !== undefined) throw new RecordFormatError(`would have ${JSON.stringify(odd.slice(0, 200))} as a unit`);
  const lines = [
    header,
    `image ${record.image}`,
    `deployment ${record.deployment}`,
    ...(record.set === undefined ? [] : [`set ${record.set}`]),
    ...record.addons.map(({ name, digest, size }) => `addon ${name} ${digest.replace(/^sha256:/, '')} ${size}`),
    ...record.addons.flatMap(({ name, services }) => (services.length === 0 ? [] : [`services ${name} ${services.join(' ')}`])),
  ];
  const body = lines.map(line => `${line}\n`).join('');
  const text = `${body}end ${sha256(body)}\n`;
  parseRecord(text);
  return text;
}

/** Reads a record. Throws RecordFormatError where a part of it is missing, changed, or of a later version. */
export function parseRecord(text: string): AddonRecord {
  const at = text.lastIndexOf('end ');
  const body = text.slice(0, Math.max(at, 0));
  if (at === -1 || !(body === '' || body.endsWith('\n')) || text.slice(at) !== `end ${sha256(body)}\n`)
    throw new RecordFormatError('is cut, or was changed: its last line is not the digest of the others');
  const lines = body.split('\n').slice(0, -1);
  if (lines.shift() !== header) throw new RecordFormatError(`does not begin with "${header}"`);
  const image = value(lines.shift(), 'image', digestForm);
  const deployment = value(lines.shift(), 'deployment', deploymentForm);
  const set = lines[0]?.startsWith('set ') ? value(lines.shift(), 'set', digestForm) : undefined;
  const addons: { name: string; digest: string; size: number; services: string[] }[] = [];
  for (const line of lines) readLine(line, addons);
  if (addons.length > maxAddons) throw new RecordFormatError(`has more than ${maxAddons} addons`);
  if ((set === undefined) !== (addons.length === 0))
    throw new RecordFormatError('has addons without a set, or a set without addons');
  return { image, deployment, ...(set === undefined ? {} : { set }), addons };
}

function value(line: string | undefined, key: string, form: RegExp): string {
  const found = line?.startsWith(`${key} `) ? line.slice(key.length + 1) : '';
  if (!form.test(found)) throw new RecordFormatError(`has no proper line "${key}"`);
  return found;
}

function readLine(line: string, addons: { name: string; digest: string; size: number; services: string[] }[]): void {
  const [key, name = '', ...rest] = line.split(' ');
  const known = addons.find(addon => addon.name === name);
  if (key === 'addon') {
    const [raw = '', bytes = '', ...more] = rest;
    const size = /^[1-9]\d{0,14}$/.test(bytes) ? Number(bytes) : 0;
    if (!isAddonName(name) || known || !hex.test(raw) || size === 0 || more.length > 0)
      throw new RecordFormatError(`has an improper line: ${line.slice(0, 200)}`);
    addons.push({ name, digest: `sha256:${raw}`, size, services: [] });
    return;
  }
  const fits = key === 'services' && known?.services.length === 0 && rest.length > 0 && rest.every(unit => unitForm.test(unit));
  if (!fits) throw new RecordFormatError(`has an improper line: ${line.slice(0, 200)}`);
  known.services.push(...rest);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
