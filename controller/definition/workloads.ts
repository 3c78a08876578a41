/**
 * spec.workloads: pods that podman runs, as Quadlet units (podman-systemd.unit(5)), with their images pinned by digest and bound to the
 * system (bootc, "Logically bound images"), so that a system is staged with all that it runs. Pure.
 */
import { StallingError } from '../api/errors.ts';
import type { SystemDefinitionSpec, SystemDefinitionSpecWorkload } from '../api/system-definition.ts';
import { isDigest, sha256 } from '../registry/digest.ts';
import { parseReference } from '../registry/reference.ts';
import type { Placement } from './image-tree.ts';
import type { Problems } from './problems.ts';
import { boundImagesDirectory, containerUnit, imageUnit, podUnit, quadletDirectory, volumeUnit } from './workload-units.ts';
import { checkWorkloads } from './workload-checks.ts';
import { generatedNames } from './workload-names.ts';

/** The images of the workloads as the spec names them, each once, sorted: what must be resolved to a digest before rendering. */
export function workloadImages(spec: SystemDefinitionSpec): string[] {
  return [...new Set((spec.workloads ?? []).flatMap(({ containers }) => containers.map(({ image }) => image)))].toSorted();
}

/**
 * The Quadlet files of the workloads, and the links that bind their images. `images` has the digest of each of workloadImages; `isPlaced`
 * says whether a file or tree of the definition writes a path.
 */
export function renderWorkloads(
  spec: SystemDefinitionSpec,
  images: ReadonlyMap<string, string>,
  problems: Problems,
  isPlaced: (path: string) => boolean = () => false,
): Placement[] {
  const workloads = spec.workloads ?? [];
  if (workloads.length === 0) return [];
  const bound = new Map<string, BoundImage>();
  const placements = workloads.flatMap((workload, i) =>
    renderWorkload(workload, `spec.workloads[${i}]`, { images, bound, problems }),
  );
  checkWorkloads(spec, generatedNames(spec, [...bound.values()]), problems, isPlaced);
  return [...placements, ...[...bound.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).flatMap(bindImage)];
}

/** An image with the Quadlet file that binds it. */
export interface BoundImage {
  /** Of the file, without `.image`. */
  name: string;
  /** `repository@digest`. */
  reference: string;
  /** The field that named it first. */
  field: string;
}

interface Rendering {
  images: ReadonlyMap<string, string>;
  /** By reference; filled while rendering. */
  bound: Map<string, BoundImage>;
  problems: Problems;
}

function renderWorkload(
  workload: SystemDefinitionSpecWorkload,
  field: string,
  { images, bound, problems }: Rendering,
): Placement[] {
  const placements = [unit(`${workload.name}.pod`, podUnit(workload), field)];
  workload.volumes?.forEach((volume, i) => {
    if (volume.hostPath !== undefined) return;
    placements.push(unit(`${workload.name}-${volume.name}.volume`, volumeUnit(workload, volume), `${field}.volumes[${i}]`));
  });
  workload.containers.forEach((container, i) => {
    const at = `${field}.containers[${i}]`;
    const reference = pinnedImage(container.image, images, message => problems.add(`${at}.image`, message));
    if (reference === undefined) return;
    if (!bound.has(reference)) bound.set(reference, { name: boundName(reference), reference, field: `${at}.image` });
    placements.push(unit(`${workload.name}-${container.name}.container`, containerUnit(workload, container, reference), at));
  });
  return placements;
}

/**
 * `repository@digest`, the tag dropped and the name in the form that podman's storage keeps: bootc removes a bound image that its storage
 * has under another name than the one in the file.
 */
function pinnedImage(image: string, images: ReadonlyMap<string, string>, refuse: (message: string) => void): string | undefined {
  try {
    const { host, repository, digest = images.get(image) } = parseReference(image);
    if (digest !== undefined && isDigest(digest)) {
      return `${host}/${repository}@${digest}`;
    }
    refuse(`${image} was not resolved to a digest`);
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    refuse(error.message);
  }
  return undefined;
}

/** A name that people recognize and that no other image has. */
function boundName(reference: string): string {
  const repository = reference.slice(0, reference.indexOf('@'));
  const last = repository.slice(repository.lastIndexOf('/') + 1).slice(0, 63);
  return `${last}-${sha256(new TextEncoder().encode(reference)).slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

/** bootc takes links only, and of the file only Image=. */
function bindImage({ name, reference, field }: BoundImage): Placement[] {
  const file = `${name}.image`;
  return [
    unit(file, imageUnit(reference), field),
    { path: `${boundImagesDirectory}/${file}`, content: { link: `${quadletDirectory}/${file}` }, field },
  ];
}

function unit(name: string, text: string, field: string): Placement {
  return { path: `${quadletDirectory}/${name}`, content: { mode: 0o644, bytes: new TextEncoder().encode(text) }, field };
}
