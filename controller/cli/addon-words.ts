/** What people write on the command line of addons. Pure. */
import { UsageError } from '../command-line.ts';

export interface NamedSystem {
  id: string;
  versionId?: string;
}

/** `ID` or `ID:VERSION_ID`, as /etc/os-release writes them. Throws UsageError. */
export function osOf(text: string): NamedSystem {
  const [, id, versionId] = /^(_any|[a-z0-9][a-z0-9._-]{0,63})(?::([a-z0-9._-]{1,64}))?$/.exec(text) ?? [];
  if (id === undefined || (id === '_any' && versionId !== undefined))
    throw new UsageError(`--os is ID or ID:VERSION_ID of an /etc/os-release, as fedora:42, or _any, not "${text}"`);
  return { id, ...(versionId === undefined ? {} : { versionId }) };
}

/** Throws UsageError. */
export function platformOf(text: string): string {
  if (text !== 'linux/amd64' && text !== 'linux/arm64')
    throw new UsageError(`--platform is linux/amd64 or linux/arm64, not "${text}"`);
  return text;
}

/** A reference of torcx as a tag; what a tag cannot have becomes a dash. */
export function tagOf(reference: string): string {
  const tag = reference.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').slice(0, 128);
  return /^[A-Za-z0-9_]/.test(tag) ? tag : `torcx${tag.slice(0, 120)}`;
}
