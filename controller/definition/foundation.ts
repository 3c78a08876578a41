import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { foundationDigest } from '../build/context.ts';
import type { Foundation } from '../build/context.ts';
import { sha256 } from '../registry/digest.ts';
import { type StageImage, renderAuthored } from './authored-containerfile.ts';
import { foundationText } from './containerfile-text.ts';
import type { Inputs } from './files.ts';
import { renderPackages } from './packages.ts';
import type { Problems } from './problems.ts';
import type { InputRequest } from './repository-path.ts';
import { writeTar } from './tar.ts';

export interface FoundationRequest {
  spec: SystemDefinitionSpec;
  /** Units that only `systemctl enable` can enable. */
  enable: readonly string[];
  requests: readonly InputRequest[];
  inputs: Inputs;
}

export interface RenderedFoundation {
  foundation: Foundation | undefined;
  /** The bytes of foundation.context. */
  buildContext: Uint8Array | undefined;
  stageImages: readonly StageImage[];
  /** What does not stop the build, with the place it was found at. */
  warnings: string[];
  /** The same of bootc's lint; each starts with the name of its rule. */
  lint: string[];
}

/** The steps that run in the image: packages or a Containerfile, then what only `systemctl enable` can enable. */
export function renderFoundation(request: FoundationRequest, problems: Problems): RenderedFoundation {
  const { spec, enable } = request;
  if (spec.packages && spec.containerfile)
    problems.add('spec.containerfile', 'excludes spec.packages; install the packages in it');
  const packages = spec.packages && renderPackages(spec.packages, problems);
  const authored = renderAuthored(request, problems);
  const { stageImages, warnings, lint } = authored;
  // The exec form does without a shell, which a Containerfile may have changed.
  const enabling = enable.length > 0 ? `RUN ${JSON.stringify(['systemctl', 'enable', '--', ...enable])}\n` : '';
  const body = `${packages?.instructions ?? ''}${authored.body}${enabling}`;
  if (body === '') return { foundation: undefined, buildContext: undefined, stageImages, warnings, lint };
  const buildContext = packages && packages.entries.length > 0 ? writeTar(packages.entries) : authored.buildContext;
  const inputs = {
    containerfile: foundationText({ ...authored, body }),
    ...(buildContext ? { context: { digest: sha256(buildContext), size: buildContext.length } } : {}),
    args: authored.args,
    secrets: authored.secrets,
  };
  return { foundation: { ...inputs, digest: foundationDigest(inputs) }, buildContext, stageImages, warnings, lint };
}
