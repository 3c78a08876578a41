/** How times, images and lists are written for people: pure. */
import { shortRevision } from '../api/short-revision.ts';

/** As kubectl writes ages: 45s, 12m, 3h, 4d. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** The age of an RFC 3339 time; '' for none. */
export function age(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '' : duration(now - at);
}

/** `since 12m (2026-01-01T00:00:00Z)`; undefined for no time. */
export function since(time: string | undefined, now: number): string | undefined {
  const ago = age(time, now);
  return ago === '' ? undefined : `${ago} (${time})`;
}

/** `18m from now (…)`, or that it is over. */
export function until(time: string | undefined, now: number): string | undefined {
  const at = Date.parse(time ?? '');
  if (Number.isNaN(at)) return undefined;
  return at > now ? `${duration(at - now)} from now (${time})` : `${duration(now - at)} ago (${time}), overdue`;
}

interface System {
  revision?: string | undefined;
  image?: string | undefined;
  digest?: string | undefined;
}

/** What a system is called in a sentence: its commit where there is one, else the beginning of its digest. */
export function systemName(system: System): string {
  return shortName(system) || 'an unknown image';
}

/** As systemName, in a column: '' for what is not known. */
export function shortName({ revision, image, digest }: System): string {
  if (revision) return shortRevision(revision);
  return /sha256:[0-9a-f]{12}/.exec(image ?? digest ?? '')?.[0] ?? '';
}

/** The whole of it: its commit, and which image that is. */
export function fullName({ revision, image, digest }: System): string {
  return [revision, image ?? digest].filter(Boolean).join(' ');
}

/** One thing, or several: `1 node`, `3 nodes`. */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** The first few names, and how many more there are. */
export function list(names: readonly string[], most = 3): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
