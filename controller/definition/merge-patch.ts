import { isDeepStrictEqual } from 'node:util';

/** The JSON merge patch (RFC 7386) that makes `to` of `from`: what is gone is null, lists are whole. Pure. */
export function mergePatch(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return to;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(from)) if (to[key] === undefined) patch[key] = null;
  for (const [key, value] of Object.entries(to)) {
    if (value !== undefined && !isDeepStrictEqual(from[key], value)) patch[key] = mergePatch(from[key], value);
  }
  return patch;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
