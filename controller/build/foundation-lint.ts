import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from './build-error.ts';
import type { Buildah } from './buildah.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { LintOutput } from './container-lint.ts';
import type { Lint } from './foundation-task.ts';

/** Where an image's PATH may lead, without links. */
const programDirectories = ['usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin', 'bin', 'sbin'];
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
  const root = (await buildah.ask(lintStep, ['mount', container])).split('\n').at(-1) ?? '';
  if (!(await hasBootc(root))) return [];
  const output = new LintOutput();
  const run = ['run', '--isolation', 'chroot', container, '--', 'bootc', 'container', 'lint'];
  const failure = await buildah.run(lintStep, run, masked => output.line(masked()));
  const findings = output.findings();
  // It failed without a finding: it is too old to have a lint, say, or this image's cannot run here.
  if (failure && findings.length === 0) findings.push(`${lintStep}: ${failure.message}`);
  if (lint === 'Error' && findings.length > 0) {
    const log = failure?.log ?? findings;
    throw new BuildError(findings.join('; ').slice(0, 1024), { step: lintStep, exitCode: failure?.exitCode, log, platform });
  }
  return findings;
}

async function hasBootc(root: string): Promise<boolean> {
  const found = await Promise.all(programDirectories.map(directory => isProgram(root, directory)));
  return found.includes(true);
}

/** Links on the way may be meant for the image's root, which is not ours; the program itself may be one. */
async function isProgram(root: string, directory: string): Promise<boolean> {
  let at = root;
  for (const part of directory.split('/')) {
    at = join(at, part);
    if (!(await lstat(at).catch(ifMissing))?.isDirectory()) return false;
  }
  return (await lstat(join(at, 'bootc')).catch(ifMissing)) !== undefined;
}

function ifMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
}
