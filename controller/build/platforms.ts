/** Which platforms of a base an image is made for. Pure. */
import { StallingError } from '../api/errors.ts';

/** Variants that a name without one means (OCI image index, "Platform Variants"; containerd's and Docker's normalisation). */
const defaultVariants: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };

/** Names of one platform are equal then: linux/arm64 is linux/arm64/v8. */
export function normalPlatform(platform: string): string {
  const [os = '', architecture = '', variant = defaultVariants[architecture]] = platform.split('/');
  return [os, architecture, variant].filter(part => part !== undefined).join('/');
}

export function isSamePlatform(a: string, b: string): boolean {
  return normalPlatform(a) === normalPlatform(b);
}

/**
 * Those of a base's platforms that are wanted; all of them when nothing is said.
 * @throws StallingError `PlatformUnsupported` that lists what the base has.
 */
export function selectPlatforms<P extends { platform: string }>(
  image: string,
  has: readonly P[],
  wanted: readonly string[] | undefined,
): P[] {
  if (wanted === undefined) return [...has];
  const missing = wanted.filter(name => !has.some(({ platform }) => isSamePlatform(platform, name)));
  if (missing.length > 0) {
    const names = has.map(({ platform }) => platform).toSorted();
    throw new StallingError(
      'PlatformUnsupported',
      `base image ${image} has no ${missing.join(', ')}; it has ${names.join(', ')}`,
    );
  }
  return has.filter(({ platform }) => wanted.some(name => isSamePlatform(platform, name)));
}
