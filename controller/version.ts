import manifest from '../package.json' with { type: 'json' };

/** The release, as package.json says; the bundle has it inside. */
export const version: string = manifest.version;

/** How we name ourselves to servers. */
export function userAgent(component: string): string {
  return `scantling-${component}/${version} (${process.platform}/${process.arch})`;
}
