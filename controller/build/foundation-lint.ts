import { BuildError } from './build-error.ts';
import type { Buildah } from './buildah.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { LintOutput } from './container-lint.ts';
import type { Lint } from './foundation-task.ts';
import { isolation } from './isolation.ts';

/** What buildah prints when an image has no such program in its PATH (Go, os/exec). */
const noBootc = /exec: "bootc": executable file not found/;
export const lintStep = 'bootc container lint';

/**
 * Runs bootc's lint in a built image that has it. Returns the findings.
 * @throws BuildError with `Error`, when there are any; what Buildah.run throws.
 */
export async function lintFoundation(
  buildah: Buildah,
  files: BuildahFiles,
  { image, lint, platform }: { image: string; lint: Lint; platform: string },
): Promise<string[]> {
  if (lint === 'Off') return [];
  const access = ['--signature-policy', files.policyFile];
  const container = await buildah.ask(lintStep, ['from', ...access, '--pull=never', '--quiet', image]);
  const output = new LintOutput();
  const run = ['run', ...isolation, container, '--', 'bootc', 'container', 'lint'];
  const failure = await buildah.run(lintStep, run, masked => output.line(masked()));
  const findings = output.findings();
  if (failure && findings.length === 0 && failure.log.some(line => noBootc.test(line))) return [];
  // It failed without a finding: it is too old to have a lint, say, or this image's cannot run here.
  if (failure && findings.length === 0) findings.push(`${lintStep}: ${failure.message}`);
  if (lint === 'Error' && findings.length > 0) {
    const log = failure?.log ?? findings;
    throw new BuildError(findings.join('; ').slice(0, 1024), { step: lintStep, exitCode: failure?.exitCode, log, platform });
  }
  return findings;
}
