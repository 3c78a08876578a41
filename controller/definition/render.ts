/** Renders a definition to a context. Pure: equal inputs give equal bytes on any machine; no clock, environment or network. */
import { StallingError } from '../api/errors.ts';
import type { HostFile } from '../api/host-trust.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import type { Context } from '../build/context.ts';
import { sha256 } from '../registry/digest.ts';
import { addonLabels, renderAddons } from './addons.ts';
import type { StageImage } from './authored-containerfile.ts';
import { type Inputs, renderFiles, renderTrees } from './files.ts';
import { finishLayers } from './finish-layers.ts';
import { renderFoundation } from './foundation.ts';
import { lintPulls } from './host-pulls.ts';
import { renderHostTrust } from './host-trust.ts';
import { type Placement, checkPlacements } from './image-tree.ts';
import { renderKernelArguments } from './kernel-arguments.ts';
import { renderLabels } from './labels.ts';
import { lintPlan } from './lint.ts';
import { collectProblems } from './problems.ts';
import { requestedInputs } from './repository-path.ts';
import { lintSshKeys } from './ssh-keys.ts';
import { renderUnits } from './units.ts';
import { renderUsers } from './users.ts';
import { lintWorkloads } from './workload-lint.ts';
import { renderWorkloads } from './workloads.ts';

export interface RenderInput {
  /** Name of the definition. */
  definition: string;
  spec: SystemDefinitionSpec;
  /** What requestedInputs asks for. */
  inputs: Inputs;
  /** The digest of each image that workloadImages (workloads.ts) names. */
  workloadImages?: ReadonlyMap<string, string> | undefined;
  /** What the host is told of the trust policies. */
  hostTrust?: readonly HostFile[] | undefined;
  /** Path of the document in its repository, for messages. */
  document?: string | undefined;
}

/** A context, and what is to be said of it. */
export interface Rendered extends Context {
  /** Images besides the base that the steps are made of. */
  stageImages: readonly StageImage[];
  /** Findings that do not stop the build, those of bootc's lint included when spec.build.lint is Warn. */
  warnings: string[];
}

/** The finish layers of one image hold this many bytes of files and this many entries at most: they are made in memory. */
const maxBytes = 256 * 1024 * 1024;
const maxEntries = 100_000;

/**
 * The context of a definition: what runs in the image (foundation) and what is placed on top of it (finish layers), those that change
 * least often first.
 * @throws StallingError RenderFailed that names every field that is wrong; LintFailed that names every finding, when spec.build.lint is Error.
 */
export function render({
  definition,
  spec,
  inputs,
  workloadImages = new Map(),
  hostTrust = [],
  document,
}: RenderInput): Rendered {
  const requests = requestedInputs(spec, document);
  const problems = collectProblems('RenderFailed');
  const trees = renderTrees(spec, requests, inputs, problems);
  const files = renderFiles(spec, requests, inputs, problems);
  const placed = new Set([...trees, ...files].map(placement => placement.path));
  const units = renderUnits(spec, path => placed.has(path), problems);
  const workloads = renderWorkloads(spec, workloadImages, problems, path => placed.has(path));
  const system = [...renderKernelArguments(spec), ...renderUsers(spec, problems), ...units.placements, ...renderAddons(spec)];
  const own = [...system, ...trees, ...files, ...workloads];
  const trust = renderHostTrust(hostTrust, own, problems);
  const placements = [...trust, ...own];
  checkPlacements(placements, problems);
  const labels = { ...renderLabels(spec, problems), ...addonLabels(spec) };
  const { foundation, buildContext, stageImages, warnings, lint } = renderFoundation(
    { spec, enable: units.enable, requests, inputs },
    problems,
  );
  problems.check(document);
  checkSize(placements, document);
  const findings = [...lint, ...lintPlan(placements)];
  if (spec.build.lint === 'Error') refuseFindings(findings, document);

  const layers = finishLayers(spec, { system, trust, trees, files, workloads });
  return {
    plan: {
      version: 2,
      definition,
      ...(foundation ? { foundation } : {}),
      layers: layers.map(({ comment, bytes }) => ({ digest: sha256(bytes), size: bytes.length, comment })),
      labels,
    },
    layers: layers.map(({ bytes }) => bytes),
    ...(buildContext ? { buildContext } : {}),
    stageImages,
    warnings: [
      ...warnings,
      ...lintWorkloads(spec),
      ...lintSshKeys(spec),
      ...lintPulls(spec, [...trees, ...files], hostTrust),
      ...(spec.build.lint === 'Warn' ? findings : []),
    ],
  };
}

function refuseFindings(findings: readonly string[], document: string | undefined): void {
  const problems = collectProblems('LintFailed');
  for (const finding of findings) problems.add('spec.build.lint', finding);
  problems.check(document);
}

function checkSize(placements: readonly Placement[], document: string | undefined): void {
  const size = placements.reduce((sum, { content }) => sum + ('bytes' in content ? content.bytes.length : 0), 0);
  const prefix = document ? `${document}: ` : '';
  if (size > maxBytes) {
    throw new StallingError(
      'RenderFailed',
      `${prefix}spec: files and trees hold ${size} bytes, more than ${maxBytes}; put large files into the base`,
    );
  }
  if (placements.length > maxEntries) {
    throw new StallingError(
      'RenderFailed',
      `${prefix}spec: files and trees hold ${placements.length} entries, more than ${maxEntries}`,
    );
  }
}
