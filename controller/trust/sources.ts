/** Where policies have from what they name: Secrets, ConfigMaps and trusted roots, read by whoever has them. */
import { StallingError, WaitingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';

/** What a Secret or ConfigMap holds, by key. */
export type Contents = Readonly<Record<string, Buffer>>;

/** Of undefined it is certain that the thing is not there; what cannot be read for now throws. */
export interface Sources {
  secret(name: string): Promise<Contents | undefined>;
  configMap(name: string): Promise<Contents | undefined>;
  /** A trusted_root.json by TUF; `root` is the first root.json. */
  trustedRoot(from: { public: true } | { url: string; root: string }): Promise<string>;
}

interface Reference {
  name: string;
  key: string;
}

/** The reference without members that are undefined, which would take the place of a default. */
export function present(reference: { name: string; key?: string } | undefined): { name: string; key?: string } {
  return { name: reference?.name ?? '', ...(reference?.key === undefined ? {} : { key: reference.key }) };
}

const kinds = { secret: 'Secret', configMap: 'ConfigMap' } as const;

/**
 * Text under a key of a Secret or ConfigMap.
 * @throws WaitingError `SecretNotFound`, StallingError `InvalidKey`
 */
export async function textOf(sources: Sources, from: 'secret' | 'configMap', { name, key }: Reference): Promise<string> {
  const value = (await contentsOf(sources, from, name))[key];
  if (value === undefined) throw notFound(`${kinds[from]} ${name} has no key ${key}`);
  return utf8(value, `${kinds[from]} ${name}, key ${key},`);
}

/**
 * What a Secret has under keys that end in .asc, in the order of these.
 * @throws WaitingError `SecretNotFound`, StallingError `InvalidKey`
 */
export async function armoredOf(sources: Sources, name = ''): Promise<string[]> {
  const contents = await contentsOf(sources, 'secret', name);
  const armored = Object.entries(contents)
    .filter(([key]) => key.endsWith('.asc'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (armored.length === 0) throw notFound(`Secret ${name} has no key that ends in .asc`);
  return armored.map(([key, value]) => utf8(value, `Secret ${name}, key ${key},`));
}

async function contentsOf(sources: Sources, from: 'secret' | 'configMap', name: string): Promise<Contents> {
  const contents = await sources[from](name);
  if (!contents) throw notFound(`${kinds[from]} ${name} is not there`);
  return contents;
}

function utf8(value: Buffer, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    throw new StallingError('InvalidKey' satisfies PolicyReason, `${where} is not text`);
  }
}

/** How often it is looked whether what is missing is there: its coming changes no object that is watched. */
const missingMs = 30_000;

function notFound(message: string): WaitingError {
  return new WaitingError('SecretNotFound' satisfies PolicyReason, message, missingMs);
}
