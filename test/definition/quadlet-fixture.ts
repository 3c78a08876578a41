/** podman's generator, as this machine has it: the versions that the set-up builds, and an installed one. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  SystemDefinitionSpecWorkload,
  SystemDefinitionSpecWorkloadContainer,
} from '../../controller/api/system-definition.ts';
import type { Placement } from '../../controller/definition/image-tree.ts';
import { collectProblems } from '../../controller/definition/problems.ts';
import { quadletDirectory } from '../../controller/definition/workload-units.ts';
import { renderWorkloads, workloadImages } from '../../controller/definition/workloads.ts';
import { findServer } from '../tools/server-binaries.mjs';
import { run, specOf } from './definition-fixture.ts';
import { type UnitFile, parseUnit } from './unit-file.ts';

const installed = ['/usr/libexec/podman/quadlet', '/usr/lib/systemd/system-generators/podman-system-generator'];

export const generators: readonly { name: string; path: string }[] = [
  ...(['quadlet', 'quadlet-oldest'] as const).map(name => ({ name, path: findServer(name) })),
  { name: 'installed', path: installed.find(path => existsSync(path)) },
].flatMap(({ name, path }) => (path === undefined ? [] : [{ name, path }]));

/** For tests that need one. */
export const skipWithoutGenerator = generators.length === 0 && 'needs podman 5 or newer, or Go to build its generator';

/** Services by name, as the generator makes them of the Quadlet files in a directory. It must have nothing to complain about. */
export async function generate(generator: string, directory: string): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await run('env', [`QUADLET_UNIT_DIRS=${directory}`, generator, '-dryrun']);
  assert.equal(code, 0, stderr);
  const complaints = stderr.split('\n').filter(line => line !== '' && !line.includes('Loading source unit file'));
  assert.deepEqual(complaints, []);
  const parts = stdout.split(/^---(.+)---\n/m).slice(1);
  return new Map(Array.from({ length: parts.length / 2 }, (_, i) => [parts[2 * i] ?? '', parts[2 * i + 1] ?? '']));
}

/** The Quadlet files among placements, in a directory. */
export async function writeQuadlets(placements: readonly Placement[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of quadletsOf(placements)) await writeFile(join(directory, name), text);
}

/** The text of each Quadlet file by name. */
export function quadletsOf(placements: readonly Placement[]): Map<string, string> {
  return new Map(
    placements.flatMap(({ path, content }): [string, string][] =>
      'bytes' in content && path.startsWith(`${quadletDirectory}/`)
        ? [[path.slice(quadletDirectory.length + 1), new TextDecoder().decode(content.bytes)]]
        : [],
    ),
  );
}

/** One of them, read. */
export function quadletOf(placements: readonly Placement[], name: string): UnitFile {
  const text = quadletsOf(placements).get(name);
  assert.ok(text !== undefined, `${name} is not among ${[...quadletsOf(placements).keys()].join(', ')}`);
  return parseUnit(text);
}

export function containerOf(parts: Partial<SystemDefinitionSpecWorkloadContainer> = {}): SystemDefinitionSpecWorkloadContainer {
  return { name: 'web', image: 'registry.example/web:1', readOnlyRootFilesystem: false, restart: 'Always', ...parts };
}

export function workloadOf(
  containers: readonly Partial<SystemDefinitionSpecWorkloadContainer>[],
  parts: Partial<SystemDefinitionSpecWorkload> = {},
): SystemDefinitionSpecWorkload {
  return { name: 'office', network: 'Pod', containers: containers.map(containerOf), ...parts };
}

/** What workloads render to, every image with a digest of its own; throws what is wrong with them. */
export function placementsOf(...workloads: readonly SystemDefinitionSpecWorkload[]): Placement[] {
  const spec = specOf({ workloads: [...workloads] });
  const problems = collectProblems('RenderFailed');
  const placements = renderWorkloads(spec, digestsOf(workloadImages(spec)), problems);
  problems.check(undefined);
  return placements;
}

/** A digest for each image: its place in the list, repeated. */
export function digestsOf(images: readonly string[]): Map<string, string> {
  return new Map(images.map((image, i) => [image, `sha256:${String(i + 1).padStart(64, '0')}`]));
}
