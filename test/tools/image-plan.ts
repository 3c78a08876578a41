/** What an image is made of and called, and the arguments that make builders make it. No effects. */

export const targets = ['controller', 'builder'] as const;
export type Target = (typeof targets)[number];

/** Those that Node's packages and both of Debian's archives have. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

export const hostArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** What the Dockerfile starts from. */
export interface Base {
  /** NODE_IMAGE: an index, or the image of the architecture that is built for. */
  image: string;
  /** TOOLS_IMAGE: the image of the building machine's architecture, where NODE_IMAGE is no index. */
  tools?: string;
  /** For the labels: the reference without its digest. */
  name: string;
  /** For the labels: sha256:… of an index or a manifest. */
  digest: string;
}

/** What of the sources decides on the result. */
export interface Release {
  /** Of package.json. */
  version: string;
  /** Of the commit, in hex; with -dirty where the checkout is not that commit. */
  revision: string;
  /** Of the commit, in seconds: every file of our layers and the image itself are of this time. */
  epoch: number;
  /** Where the sources are published. */
  source?: string;
}

/** One image for one architecture. */
export interface ImageBuild {
  target: Target;
  architecture: Architecture;
  base: Base;
  /** In seconds. */
  epoch: number;
  labels: Readonly<Record<string, string>>;
  /** A second of Debian's archive of snapshots, as 20261123T000000Z; default: the newest packages. */
  snapshot?: string;
}

/** The default of the Dockerfile's NODE_IMAGE. @throws Error when it has none */
export function publishedBase(dockerfile: string): string {
  const image = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile)?.[1];
  if (image === undefined) throw new Error('the Dockerfile has no ARG NODE_IMAGE=…');
  return image;
}

/** Takes a reference apart. @throws Error unless it names a digest: what a tag means changes, and the image with it */
export function baseOf(reference: string): Base {
  const [, name, digest] = /^([^@\s]+)@(sha256:[0-9a-f]{64})$/.exec(reference) ?? [];
  if (name === undefined || digest === undefined)
    throw new Error(`the base "${reference}" must be named by digest, as IMAGE@sha256:… (or debian-packages)`);
  return { image: reference, name, digest };
}

/** Those of the image specification's annotations that are not the same for every build; the others are in the Dockerfile. */
export function labelsFor({ version, revision, epoch, source }: Release, base: Base): Record<string, string> {
  const prefix = 'org.opencontainers.image';
  return {
    [`${prefix}.version`]: version,
    [`${prefix}.revision`]: revision,
    [`${prefix}.created`]: new Date(epoch * 1000).toISOString().replace('.000Z', 'Z'),
    ...(source === undefined ? {} : { [`${prefix}.source`]: source }),
    [`${prefix}.base.name`]: base.name,
    [`${prefix}.base.digest`]: base.digest,
  };
}

/** The second of Debian's snapshots that a commit's time is. */
export function snapshotAt(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/**
 * A repository that can be pushed to, as it was given.
 * @throws Error that says what is wrong with it
 */
export function pushedTo(repository: string): string {
  const part = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
  if (new RegExp(`^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/${part})+$`).test(repository)) return repository;
  const [, why] =
    [
      [/^\//, 'names no registry; is the variable before the / set?'],
      [/^[a-z]+:\/\//, 'needs no scheme; --plain-http is for registries without TLS'],
      [/@/, 'has a digest, which is known only afterwards'],
      [/:[^/]*$/, 'has a tag, which --tag says'],
    ].find(([pattern]) => pattern instanceof RegExp && pattern.test(repository)) ?? [];
  throw new Error(
    `--push "${repository}" ${String(why ?? 'is no repository')}; give a registry and a path in lower case, as registry.example.com/scantling`,
  );
}

/** What else helps when an image cannot be made; nothing where it was no matter of the base's registry. */
export function adviceFor(failure: string, o: { base?: string | undefined; tool: 'buildah' | 'docker' }): string {
  const isOfHub = /(pinging container registry|initializing source|failed to (do request|resolve)).*docker\.io/s.test(failure);
  if (o.base !== undefined || !isOfHub) return '';
  const how = o.tool === 'buildah' ? '--base debian-packages' : '--tool buildah --base debian-packages';
  return `\nWhere docker.io cannot be reached, ${how} makes the base of Debian's packages, and --base IMAGE@sha256:… takes it from a mirror.`;
}

/** The names of the two images, from that of the first. */
export function repositoryOf(target: Target, repository: string): string {
  return target === 'controller' ? repository : `${repository}-${target}`;
}

function commonArguments({ target, labels, snapshot, base }: ImageBuild): string[] {
  const buildArguments = {
    NODE_IMAGE: base.image,
    ...(base.tools === undefined ? {} : { TOOLS_IMAGE: base.tools }),
    ...(snapshot === undefined ? {} : { DEBIAN_SNAPSHOT: snapshot }),
  };
  return [
    '--target',
    target,
    ...Object.entries(buildArguments).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
  ];
}

/**
 * `buildah` with these makes the image and calls it `tag`. With `cached`, layers of earlier builds are used again: quicker, and with the
 * packages of back then.
 */
export function buildahArguments(build: ImageBuild, o: { tag: string; cached: boolean; context: string }): string[] {
  // Without a cache nothing is kept of the stages, so they need no layers to be found by.
  const how = [
    '--quiet',
    '--force-rm',
    '--identity-label=false',
    ...(o.cached ? ['--layers'] : ['--layers=false', '--no-cache']),
  ];
  const what = ['--platform', `linux/${build.architecture}`, '--timestamp', String(build.epoch), ...commonArguments(build)];
  // What the Dockerfile expects and buildah before 1.29 does not set.
  const platform = ['--build-arg', `BUILDPLATFORM=linux/${hostArchitecture}`];
  return ['build', ...how, ...what, ...platform, '--tag', o.tag, o.context];
}

/** `docker` with these makes the image for all architectures, as `reference`, and writes its digest into `metadata`. */
export function buildxArguments(
  build: ImageBuild,
  o: { architectures: readonly Architecture[]; reference: string; push: boolean; metadata: string; context: string },
): string[] {
  const output = o.push
    ? `type=image,name=${o.reference},push=true,rewrite-timestamp=true`
    : `type=docker,name=${o.reference},rewrite-timestamp=true`;
  const platforms = o.architectures.map(each => `linux/${each}`).join(',');
  // Statements about a build name its time; ours are made and signed apart.
  const how = ['--no-cache', '--provenance=false', '--sbom=false'];
  const what = ['--platform', platforms, '--build-arg', `SOURCE_DATE_EPOCH=${build.epoch}`, ...commonArguments(build)];
  return ['buildx', 'build', ...how, ...what, '--output', output, '--metadata-file', o.metadata, o.context];
}
