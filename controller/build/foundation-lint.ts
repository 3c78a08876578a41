import { BuildError } from './build-error.ts';
import type { Buildah } from './buildah.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { LintOutput } from './container-lint.ts';
import type { Lint } from './foundation-task.ts';
import { isolation } from './isolation.ts';

/** What buildah prints when an image has no such program in its PATH (Go, os/exec). */
const noBootc = /exec: "bootc": executable file not found/;
export const lintStep = 'bootc container lint';
/** What it says itself of any command that fails. */
const ofBuildah = /^(?:|subprocess exited with status \d+|Error: exit status \d+|time=".*)$/;
/** Of a lint that says nothing. */
const maxAttempts = 3;

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
  const { findings, failure } = await runLint(buildah, container);
  if (lint === 'Error' && findings.length > 0) {
    const log = failure?.log ?? findings;
    throw new BuildError(findings.join('; ').slice(0, 1024), { step: lintStep, exitCode: failure?.exitCode, log, platform });
  }
  return findings;
}

/**
 * Once more when it said nothing: buildah (1.28, isolation chroot) now and then loses all output of what ends at once, and with it what was
 * found, or that there is no bootc; the same steps would then have other warnings, and so another digest, every now and then.
 */
async function runLint(buildah: Buildah, container: string): Promise<{ findings: string[]; failure?: BuildError | undefined }> {
  const run = ['run', ...isolation, container, '--', 'bootc', 'container', 'lint'];
  for (let attempt = 1; ; attempt++) {
    const output = new LintOutput();
    let silent = true;
    const failure = await buildah.run(lintStep, run, masked => {
      const line = masked();
      output.line(line);
      silent &&= ofBuildah.test(line);
    });
    // The real one counts its checks, also when all is well.
    if (silent && attempt < maxAttempts) continue;
    const findings = output.findings();
    if (!failure || findings.length > 0) return { findings, failure };
    if (failure.log.some(line => noBootc.test(line))) return { findings: [] };
    // It failed without a finding: it is too old to have a lint, say, or this image's cannot run here.
    return { findings: [`${lintStep}: ${failure.message}`], failure };
  }
}
