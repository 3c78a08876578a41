/**
 * What is in an image, as SPDX 2.3 and CycloneDX 1.6 have it: pure. Equal images give equal bytes: what these formats would take a random id or the time
 * for follows from the digest, or is the time that all images of Scantling have.
 */
import type { Distribution, Package } from './package-lists.ts';
import type { Said } from './sign-image.ts';

export const spdxPredicateType = 'https://spdx.dev/Document';
export const cycloneDXPredicateType = 'https://cyclonedx.org/bom';

/** A file of the finish layers. */
export interface ListedFile {
  /** Absolute. */
  path: string;
  /** Lower-case hex. */
  sha1: string;
  sha256: string;
}

export interface Contents {
  /** `host/repository`. */
  repository: string;
  digest: string;
  packages: readonly Package[];
  distribution?: Distribution;
  files: readonly ListedFile[];
  /** Images of workloads, each `host/repository@digest`. */
  workloads: readonly string[];
  /** In words: what is not listed, and why. */
  notes: readonly string[];
  /** Of Scantling. */
  version: string;
}

/** Verifiers read no bundle of more than a mebibyte, and in a bundle three bytes take four. */
const mostBytes = 700 * 1024;
const epoch = '1970-01-01T00:00:00Z';

export function sbomOf(format: 'SPDX' | 'CycloneDX', contents: Contents): Said {
  return format === 'SPDX' ? spdxOf(contents) : cycloneDXOf(contents);
}

function spdxOf(contents: Contents): Said {
  const { repository, digest, packages, files, workloads, version } = contents;
  const hex = digest.slice(digest.indexOf(':') + 1);
  const listed = fitting({
    workloads: workloads.map((image, i) => packaged(`SPDXRef-Workload-${i}`, nameOf(image), purl(imageURL(image)))),
    packages: packages.map((each, i) =>
      packaged(`SPDXRef-Package-${i}`, each.name, {
        versionInfo: versionOf(each),
        ...purl(packageURL(each, contents.distribution)),
      }),
    ),
    files: files.map((file, i) => [
      {
        SPDXID: `SPDXRef-File-${i}`,
        fileName: `.${file.path}`,
        checksums: [
          { algorithm: 'SHA1', checksumValue: file.sha1 },
          { algorithm: 'SHA256', checksumValue: file.sha256 },
        ],
      },
      contained(`SPDXRef-File-${i}`),
    ]),
  });
  const notes = [...contents.notes, ...listed.notes];
  return {
    predicateType: spdxPredicateType,
    predicate: {
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: `${repository}@${digest}`,
      documentNamespace: `https://scantling.dev/spdx/${hex}`,
      ...(notes.length === 0 ? {} : { comment: notes.join('\n') }),
      creationInfo: { created: epoch, creators: [`Tool: scantling-${version}`] },
      packages: [
        {
          SPDXID: 'SPDXRef-Image',
          name: repository,
          versionInfo: digest,
          downloadLocation: 'NOASSERTION',
          filesAnalyzed: false,
          primaryPackagePurpose: 'OPERATING-SYSTEM',
          checksums: [{ algorithm: 'SHA256', checksumValue: hex }],
          ...purl(imageURL(`${repository}@${digest}`)),
        },
        ...[...listed.workloads, ...listed.packages].map(([entry]) => entry),
      ],
      ...(listed.files.length === 0 ? {} : { files: listed.files.map(([entry]) => entry) }),
      relationships: [
        { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: 'SPDXRef-Image' },
        ...[...listed.workloads, ...listed.packages, ...listed.files].map(([, relationship]) => relationship),
      ],
    },
  };
}

/** An entry, and that the image has it. */
function packaged(id: string, name: string, more: object): object[] {
  return [{ SPDXID: id, name, ...more, downloadLocation: 'NOASSERTION', filesAnalyzed: false }, contained(id)];
}

function contained(id: string): object {
  return { spdxElementId: 'SPDXRef-Image', relationshipType: 'CONTAINS', relatedSpdxElement: id };
}

function purl(url: string): object {
  return { externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: url }] };
}

function component(type: string, name: string, more: object): object[] {
  return [{ type, name, ...more }];
}

function cycloneDXOf(contents: Contents): Said {
  const { repository, digest, packages, files, workloads, version } = contents;
  const listed = fitting({
    workloads: workloads.map(image => {
      const url = imageURL(image);
      return component('container', nameOf(image), { 'bom-ref': url, version: image.split('@')[1] ?? '', purl: url });
    }),
    packages: packages.map(each => {
      const url = packageURL(each, contents.distribution);
      return component('library', each.name, { 'bom-ref': url, version: versionOf(each), purl: url });
    }),
    files: files.map(({ path, sha256 }) => component('file', path, { hashes: [{ alg: 'SHA-256', content: sha256 }] })),
  });
  const notes = [...contents.notes, ...listed.notes];
  const url = imageURL(`${repository}@${digest}`);
  return {
    predicateType: cycloneDXPredicateType,
    predicate: {
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: {
        timestamp: epoch,
        tools: { components: [{ type: 'application', name: 'scantling', version }] },
        component: { type: 'operating-system', 'bom-ref': url, name: repository, version: digest, purl: url },
        ...(notes.length === 0 ? {} : { properties: notes.map(value => ({ name: 'scantling:note', value })) }),
      },
      components: [...listed.workloads, ...listed.packages, ...listed.files].flat(),
    },
  };
}

type Entries = Record<'workloads' | 'packages' | 'files', object[][]>;

/** As many as there is room for, in that order; what is left out is said. */
function fitting(all: Entries): Entries & { notes: string[] } {
  let left = mostBytes;
  const take = (entries: object[][]): object[][] => {
    const taken = entries.findIndex(entry => (left -= Buffer.byteLength(JSON.stringify(entry))) < 0);
    return taken === -1 ? entries : entries.slice(0, taken);
  };
  const workloads = take(all.workloads);
  const packages = take(all.packages);
  const files = take(all.files);
  const notes = [...cut('packages', packages, all.packages), ...cut('files', files, all.files)];
  return { workloads, packages, files, notes };
}

function cut(what: string, listed: object[][], of: object[][]): string[] {
  return listed.length === of.length ? [] : [`only ${listed.length} of ${of.length} ${what} are listed, for want of room`];
}

/** As its package manager prints it. */
function versionOf({ version, epoch }: Package): string {
  return epoch === undefined ? version : `${epoch}:${version}`;
}

/** github.com/package-url/purl-spec: the distribution is the namespace. */
export function packageURL(
  { type, name, version, architecture, epoch }: Package,
  distribution: Distribution | undefined,
): string {
  const release = distribution?.version === undefined ? distribution?.id : `${distribution.id}-${distribution.version}`;
  const qualifiers = [
    ...(architecture === undefined ? [] : [`arch=${encoded(architecture)}`]),
    ...(release === undefined ? [] : [`distro=${encoded(release)}`]),
    ...(epoch === undefined ? [] : [`epoch=${epoch}`]),
  ];
  const namespace = distribution === undefined ? '' : `${encoded(distribution.id)}/`;
  return `pkg:${type}/${namespace}${encoded(name)}@${encoded(version)}${qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`}`;
}

/** `image` is `host/repository@digest`. */
export function imageURL(image: string): string {
  const [repository = '', digest = ''] = image.split('@');
  return `pkg:oci/${encoded(nameOf(image))}@${encoded(digest)}?repository_url=${encoded(repository)}`;
}

function nameOf(image: string): string {
  const [repository = ''] = image.split('@');
  return repository.slice(repository.lastIndexOf('/') + 1);
}

/** A colon stays as it is in package URLs. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
