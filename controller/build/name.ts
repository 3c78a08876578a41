import { sha256 } from '../registry/digest.ts';
import { canonicalJson } from '../api/canonical-json.ts';

/** Version of the rules that turn a context into an image; raised whenever equal inputs would give another image. */
export const builderVersion = '2';

export interface BuildInputs {
  /** Digest of the context artifact. */
  context: string;
  /** Base image as `host/repository@digest`. */
  base: string;
  /** Repository that the image is pushed to, as `host/repository`. */
  output: string;
  /** Sorted; undefined for all of the base. */
  platforms?: readonly string[];
  builderVersion: string;
}

/**
 * `<definition>-<10 hex of the hash of all inputs>`: equal inputs are the same ImageBuild, so a revert in Git builds nothing.
 * The commit is no input.
 */
export function buildName(definition: string, inputs: BuildInputs): string {
  const { context, base, output, platforms, builderVersion: version } = inputs;
  const named = { definition, context, base, output, platforms, builderVersion: version };
  return `${definition}-${hex10(sha256(canonicalJson(named)))}`;
}

/** The image's version for people, `<definition>-<10 hex of the context>`: label org.opencontainers.image.version. */
export function imageVersion(definition: string, context: string): string {
  return `${definition}-${hex10(context)}`;
}

function hex10(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 10);
}

/** The tag that an image is pushed under: the build's name where a tag may be so long, else its end, which has the hash. */
export function imageTag(buildName: string): string {
  return buildName.slice(-128).replace(/^[^a-zA-Z0-9_]+/, '');
}
