const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as the API writes it ('1m30s', '500ms'). Throws on anything else. */
export function parseDuration(text: string): number {
  if (!/^([0-9]+(ms|s|m|h))+$/.test(text)) throw new Error(`"${text}" is not a duration such as 30s or 1h30m`);
  let total = 0;
  for (const [, n, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) total += Number(n) * (units[unit ?? ''] ?? 0);
  return total;
}

/** What Node's timers can wait at most, about 24 days. */
const longestTimeoutMs = 2 ** 31 - 1;

/** As parseDuration, and with what kubectl takes besides: bare seconds, and 0 for no end, which is the longest that timers can wait. */
export function parseTimeout(text: string): number {
  const ms = /^[0-9]+$/.test(text) ? Number(text) * 1000 : parseDuration(text);
  return ms === 0 ? longestTimeoutMs : Math.min(ms, longestTimeoutMs);
}

/** A duration for people: the two largest units ('1h5m', '42s'). */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${s % 60 ? `${s % 60}s` : ''}`;
  return `${Math.floor(s / 3600)}h${s % 3600 >= 60 ? `${Math.floor((s % 3600) / 60)}m` : ''}`;
}
