import { sha256 } from '../registry/digest.ts';
import type { BasePlatform } from './base.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import { builderVersion } from './name.ts';

/** Hash (64 hex digits) of base, steps, platform and rules: foundations of equal keys are one, and are built once. */
export function foundationKey(base: Pick<BasePlatform, 'digest' | 'platform'>, foundation: { digest: string }): string {
  const inputs = { base: base.digest, foundation: foundation.digest, platform: base.platform, builderVersion };
  return sha256(canonicalJson(inputs)).slice('sha256:'.length);
}

/** The tag that a foundation is pushed under: it is found by it. */
export function foundationTagOf(key: string): string {
  return `foundation-${key}`;
}
