/** How an image was made, as SLSA's provenance says it (slsa.dev/spec/v1.0/provenance): pure. Nothing in it changes from one pass to the next. */
import { parseRevision } from '../api/revision.ts';
import { imageURL } from './sbom.ts';
import type { Said } from './sign-image.ts';

export const provenancePredicateType = 'https://slsa.dev/provenance/v1';
/** What TrustPolicy's attestations name as builder. The version of Scantling is beside it, so that an upgrade breaks no policy. */
export const builderId = 'https://scantling.dev/builder';
/** Described in docs/images.md. */
const buildType = 'https://scantling.dev/build/v1';
/** Described in docs/signing.md. */
const addonBuildType = 'https://scantling.dev/addon/v1';

export interface Origin {
  /** Name of the SystemDefinition. */
  definition: string;
  /** Name of the ImageBuild. */
  build: string;
  /** URL of the Git repository, where a source has applied the definition from one. */
  repository?: string;
  /** That it was applied from, as `main@sha1:<40 hex>`. */
  revision?: string;
  /** What the definition says itself where no source vouches for it: nobody is to rely on that. */
  declared?: string;
  /** Of the context artifact. */
  context: string;
  /** `host/repository@digest`. */
  base: string;
  /** Images besides the base that its steps are made of, each `host/repository@digest`. */
  stages: readonly string[];
  /** What finish layers were put on, where the definition runs steps. */
  foundations: readonly { platform: string; reference: string }[];
  /** `host/repository` that the image and its context are in. */
  output: string;
  platforms: readonly string[];
  /** Images of workloads, each `host/repository@digest`. */
  workloads: readonly string[];
  /** Of the rules that turn a context into an image. */
  builderVersion: string;
  /** Of Scantling. */
  version: string;
}

/** Of an image of a definition. */
export function provenanceOf(origin: Origin): Said {
  const { definition, build, context, output, platforms, builderVersion, version, foundations } = origin;
  const repository = origin.repository === undefined ? undefined : withoutUser(origin.repository);
  const { ref, commit } = revisionOf(origin.revision);
  return {
    predicateType: provenancePredicateType,
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {
          definition,
          ...(repository === undefined ? {} : { repository }),
          ...(ref === undefined ? {} : { ref }),
          ...(commit === undefined ? {} : { commit }),
          ...(origin.declared === undefined ? {} : { declaredRevision: origin.declared }),
          output,
          platforms: [...platforms],
        },
        internalParameters: { builderVersion },
        resolvedDependencies: [
          ...commitIn(repository, commit),
          image(`${output}@${context}`, 'context'),
          image(origin.base, 'base'),
          ...origin.stages.toSorted().map(stage => image(stage, 'stage')),
          ...origin.workloads.toSorted().map(workload => image(workload, 'workload')),
        ],
      },
      runDetails: {
        builder: { id: builderId, version: { scantling: version } },
        metadata: { invocationId: build },
        ...(foundations.length === 0
          ? {}
          : { byproducts: foundations.map(({ platform, reference }) => image(reference, `foundation ${platform}`)) }),
      },
    },
  };
}

export interface AddonOrigin {
  /** Name of the SystemAddon. */
  addon: string;
  /** Which hosts the variant is for. */
  platform: string;
  os: { id: string; versionId?: string; sysextLevel?: string };
  /** URL of the Git repository, and the revision in it, where a source has applied the addon from one. */
  repository?: string;
  revision?: string;
  /** What the addon says itself where no source vouches for it: nobody is to rely on that. */
  declared?: string;
  /** `host/repository@digest` of the image that it is made of; undefined for files. */
  image?: string;
  /** Digest of all that it is made of, with what is said of hosts and services. */
  inputs: string;
  /** `host/repository` that the artifact is in. */
  output: string;
  /** Of Scantling. */
  version: string;
}

/** The same of the artifact of an addon's variant. */
export function addonProvenanceOf(origin: AddonOrigin): Said {
  const { addon, platform, os, output, version, inputs } = origin;
  const repository = origin.repository === undefined ? undefined : withoutUser(origin.repository);
  const { ref, commit } = revisionOf(origin.revision);
  return {
    predicateType: provenancePredicateType,
    predicate: {
      buildDefinition: {
        buildType: addonBuildType,
        externalParameters: {
          addon,
          platform,
          os: { ...os },
          ...(repository === undefined ? {} : { repository }),
          ...(ref === undefined ? {} : { ref }),
          ...(commit === undefined ? {} : { commit }),
          ...(origin.declared === undefined ? {} : { declaredRevision: origin.declared }),
          output,
        },
        internalParameters: { inputs },
        resolvedDependencies: [
          ...commitIn(repository, commit),
          ...(origin.image === undefined ? [] : [image(origin.image, 'source')]),
        ],
      },
      runDetails: { builder: { id: builderId, version: { scantling: version } } },
    },
  };
}

function commitIn(repository: string | undefined, commit: string | undefined): object[] {
  if (commit === undefined) return [];
  const named = repository === undefined ? { name: 'source' } : { uri: `git+${repository}` };
  return [{ ...named, digest: { gitCommit: commit } }];
}

/** A resource by digest. */
function image(reference: string, name: string): { name: string; uri: string; digest: Record<string, string> } {
  const [algorithm = '', hex = ''] = reference.slice(reference.indexOf('@') + 1).split(':');
  return { name, uri: imageURL(reference), digest: { [algorithm]: hex } };
}

function revisionOf(revision: string | undefined): { ref?: string; commit?: string } {
  const parsed = parseRevision(revision ?? '');
  return parsed ? { ref: parsed.name, commit: parsed.oid } : {};
}

/** Whoever reads a statement is told of no account. */
function withoutUser(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || (parsed.username === '' && parsed.password === '')) return url;
  parsed.username = '';
  parsed.password = '';
  return String(parsed);
}
