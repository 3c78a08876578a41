/** Programs of the system that tests use, installed where that may be done. */
import { existsSync } from 'node:fs';
import { say, SetupError, withProgress } from './progress.mjs';
import { has, runCommand } from './run-command.mjs';

/**
 * A command that is looked for on the PATH, or a file.
 * @typedef {{ command: string, package: string, required: boolean, use: string }} SystemProgram
 */

const pages = 'the commands that pages of docs/ tell people to run; their tests are skipped without it';
const realNode = 'the real node of the tests (only on Linux, as root); they are skipped without it';

const torcx = 'archives of torcx, which are imported; their tests are skipped without it';

const commits = 'signed commits, which are compared with git; their tests are skipped without it';

/** @type {readonly SystemProgram[]} */
const programs = [
  { command: 'git', package: 'git', required: true, use: 'the Git server of the tests' },
  {
    command: 'buildah',
    package: 'buildah',
    required: false,
    use: 'builds with packages or a Containerfile (only on Linux, as root); their tests are skipped without it',
  },
  { command: 'containerd', package: 'containerd', required: false, use: realNode },
  { command: 'runc', package: 'runc', required: false, use: realNode },
  { command: '/usr/lib/cni/bridge', package: 'containernetworking-plugins', required: false, use: realNode },
  { command: 'mmdebstrap', package: 'mmdebstrap', required: false, use: `the images of pods on ${realNode}` },
  { command: 'jq', package: 'jq', required: false, use: pages },
  { command: '/usr/bin/mksquashfs', package: 'squashfs-tools', required: false, use: torcx },
  { command: 'gpg', package: 'gnupg', required: false, use: commits },
  { command: 'ssh-keygen', package: 'openssh-client', required: false, use: commits },
  { command: 'skopeo', package: 'skopeo', required: false, use: pages },
  {
    command: '/usr/bin/fsck.erofs',
    package: 'erofs-utils',
    required: false,
    use: 'the images of addons, which it checks; that is skipped without it',
  },
];

/** @param {SystemProgram} program */
const present = ({ command }) => (command.startsWith('/') ? existsSync(command) : has(command));

const debian = () => process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');

/** @param {string[]} packages */
async function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const lock = ['-o', 'DPkg::Lock::Timeout=120', '-q', '-y'];
  const install = () => runCommand('apt-get', [...lock, 'install', '--no-install-recommends', ...packages], { env });
  await withProgress(`apt-get install ${packages.join(' ')}`, async detail => {
    try {
      await install();
    } catch {
      detail('after apt-get update'); // a new machine has no package lists, or old ones; what fails then is told
      await runCommand('apt-get', [...lock, 'update'], { env });
      await install();
    }
  });
}

/**
 * Makes sure of git and, where they can run, of buildah, of what a real node is made of, and of what commands of the pages need.
 * @throws {SetupError} when something required is missing and cannot be installed here
 */
export async function installSystemPackages() {
  /** @type {SystemProgram[]} */
  let missing = [];
  for (const program of programs) if (!(await present(program))) missing.push(program);
  if (missing.length > 0 && debian()) {
    try {
      await aptInstall(missing.map(program => program.package));
      missing = [];
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
  }
  const required = missing.filter(program => program.required);
  for (const { command, use } of missing.filter(program => !program.required)) say(`${command} is missing: it is for ${use}`);
  if (required.length === 0) return;
  const names = required.map(({ command, use }) => `${command} (for ${use})`).join(', ');
  throw new SetupError(
    `Missing: ${names}. Install it with your system's package manager; on Debian, running this as root does so.`,
  );
}
