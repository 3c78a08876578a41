/**
 * The fake bootc's verbs, for a host whose directory is $FAKE_HOST. Run by commands/bootc, which holds the sysroot lock around the
 * verbs that take it. Exit codes and texts are bootc's: 0 also for "nothing to do", 1 with `error: …` on standard error, 2 for usage.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sameReference, setLock, specification, stage, toggleRollback } from './deployments.ts';
import type { PulledImage } from './deployments.ts';
import { type Fault, hasFault, strike } from './faults.ts';
import { PullError, pinnedDigest, pullImage } from './image.ts';
import { policyDefaultAccepts } from './policy.ts';
import { announce, flagsOf, hostPaths, loadState, saveState } from './state.ts';
import type { HostState, ImageReference } from './state.ts';
import { emptyDocument, statusDocument } from './status-document.ts';

class BootcError extends Error {}
class UsageError extends Error {}

const directory = process.env['FAKE_HOST'] ?? '';
const { root } = hostPaths(directory);

await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
  try {
    const output = await run(args);
    if (output) process.stdout.write(output);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function run([verb, ...args]: string[]): Promise<string> | string {
  const state = loadState(directory);
  switch (verb) {
    case 'status':
      return status(state, args);
    case 'switch':
      return switchTo(state, args);
    case 'upgrade':
    case 'update':
      return upgrade(state, args);
    case 'rollback':
      return rollback(state);
    case undefined:
    default:
      throw new UsageError(`unrecognized subcommand '${verb ?? ''}'`);
  }
}

/** Splits flags from the rest; `--flag value` for those named in `valued`. An unknown flag is a usage error. */
function parse(verb: string, state: HostState, args: string[], valued: string[] = []) {
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const [name = ''] = arg.split('=');
    if (!arg.startsWith('--')) rest.push(arg);
    else if (!flagsOf(verb, state.version).includes(name)) throw new UsageError(`unexpected argument '${name}' found`);
    else flags.add(!arg.includes('=') && valued.includes(name) ? `${name}=${args[++i] ?? ''}` : arg);
  }
  return { flags, rest };
}

function inContainer(): boolean {
  const files = ['run/.containerenv', '.dockerenv'];
  return process.env['container'] !== undefined || files.some(f => existsSync(join(root, f)));
}

function requireBooted(state: HostState, prefix: string): void {
  if (inContainer()) {
    throw new BootcError(`${prefix}Preparing for write: Detected container; this command requires a booted host system.`);
  }
  if (!state.booted) throw new BootcError(`${prefix || 'Initializing storage: '}System not booted via bootc`);
  if (state.readOnly) throw new BootcError(`${prefix}Preparing for write: /sysroot is on a read-only block device`);
  if (state.booted.incompatible) throw new BootcError(`${prefix}Deployment contains local rpm-ostree modifications`);
}

async function status(state: HostState, args: string[]): Promise<string> {
  const { flags } = parse('status', state, args, ['--format', '--format-version']);
  const version = [...flags].find(f => f.startsWith('--format-version='))?.slice('--format-version='.length) ?? '1';
  if (!['0', '1'].includes(version)) throw new BootcError(`Unsupported format version: ${version}`);
  if (inContainer()) return emptyDocument(state.version);
  if (strike(directory, 'StatusHangs')) await forever();
  if (strike(directory, 'StatusFails')) throw new BootcError('Multiple extra entries in /boot, could not find UKI/Boot entry');
  // JSON is YAML, which is what a pipe gets without --json.
  return statusDocument(flags.has('--booted') ? { ...state, staged: null, rollback: null } : state);
}

async function switchTo(state: HostState, args: string[]): Promise<string> {
  const { flags, rest } = parse('switch', state, args, ['--transport', '--soft-reboot']);
  const prefix = 'Switching: ';
  requireBooted(state, prefix);
  if (flags.has('--from-downloaded')) return unlock(state);
  const [image] = rest;
  if (!image || rest.length > 1) throw new UsageError('the following required arguments were not provided: <TARGET>');
  const reference: ImageReference = { image, transport: 'registry' };
  if (flags.has('--enforce-container-sigpolicy')) reference.signature = 'containerPolicy';
  if (sameReference(specification(state), reference)) return 'Image specification is unchanged.\n';
  const pulled = await pull(state, reference, prefix);
  return deploy(state, reference, pulled, { locked: flags.has('--download-only'), prefix });
}

async function upgrade(state: HostState, args: string[]): Promise<string> {
  const { flags } = parse('upgrade', state, args, ['--soft-reboot']);
  requireBooted(state, '');
  if (flags.has('--from-downloaded')) return unlock(state);
  const reference = specification(state);
  if (!reference) throw new BootcError('No image specified in host spec');
  const pulled = await pull(state, reference, '');
  const changed = pulled.digest !== (state.staged ?? state.booted)?.digest;
  if (flags.has('--check')) {
    if (!changed) return `No changes in: ${name(reference)}\n`;
    return `Update available for: ${name(reference)}\n${details(pulled)}`;
  }
  if (changed) return deploy(state, reference, pulled, { locked: flags.has('--download-only'), prefix: '' });
  if (!state.staged) return `No changes in: ${name(reference)}\n`;
  // A staging without the lock is not given one, and the exit code is 0 all the same (bootc issue 2425).
  if (flags.has('--download-only')) return 'Image downloaded, but will not be applied on reboot\n';
  return state.staged.locked ? unlock(state) : 'Staged update present, not changed.\n';
}

function unlock(state: HostState): string {
  if (!state.staged) throw new BootcError('No staged deployment found');
  if (!state.staged.locked) return 'Staged deployment is already set to apply on reboot\n';
  saveState(directory, setLock(state, false));
  announce(directory, state.staged.digest);
  return 'Staged deployment will now be applied on reboot\n';
}

function rollback(state: HostState): string {
  requireBooted(state, 'Rollback: ');
  if (!state.rollback) throw new BootcError('Rollback: No rollback available');
  const after = toggleRollback(state);
  saveState(directory, after);
  announce(directory, state.rollback.digest);
  if (after.rollbackQueued) return 'Next boot: rollback deployment\n';
  return 'notice: Reverting queued rollback state\nNext boot: current deployment\n';
}

/** Pulls, with the faults of a pull. What is known already is judged by no policy and takes no time, as with bootc. */
async function pull(state: HostState, reference: ImageReference, prefix: string): Promise<PulledImage> {
  if (reference.signature === 'containerPolicy' && policyDefaultAccepts(root)) {
    throw new BootcError(
      `${prefix}Preparing import: /etc/containers/policy.json specifies a default of \`insecureAcceptAnything\`; refusing usage`,
    );
  }
  const importing = `${prefix}Preparing import: `;
  try {
    const pinned = pinnedDigest(reference.image);
    // Faults of the registry strike before a digest of the platform is known.
    if (strike(directory, 'Registry', list(pinned))) {
      throw new PullError(
        'Fetching manifest: failed to invoke method OpenImage: received unexpected HTTP status: 503 Service Unavailable',
      );
    }
    if (strike(directory, 'Unauthorized', list(pinned))) {
      throw new PullError('Fetching manifest: failed to invoke method OpenImage: reading manifest: unauthorized: access denied');
    }
    const known = [state.staged, state.booted, state.rollback].some(entry => entry?.reference.image === reference.image);
    const image = await pullImage(root, reference.image, { architecture: state.architecture, known });
    await pullFaults([...list(pinned), image.digest], state);
    return image;
  } catch (error) {
    if (error instanceof PullError) throw new BootcError(`${importing}${error.message}`, { cause: error });
    throw error;
  }
}

async function pullFaults(digests: string[], state: HostState): Promise<void> {
  if (strike(directory, 'Signature', digests)) {
    throw new PullError(
      'Fetching manifest: failed to invoke method OpenImage: Source image rejected: A signature was required, but no signature exists',
    );
  }
  if (strike(directory, 'Architecture', digests)) {
    throw new PullError(`Image has architecture riscv64; expected ${state.architecture}`);
  }
  if (strike(directory, 'NotBootable', digests)) throw new PullError('Target image does not have ostree.bootable label');
  if (strike(directory, 'DiskFull', digests)) {
    throw new PullError('Insufficient free space for /sysroot (available: 1.2 GB required: 3.4 GB)');
  }
  const slow = strike(directory, 'SlowPull', digests);
  if (slow) await slowly(slow);
  if (strike(directory, 'Hang', digests)) await forever();
}

async function slowly({ ms }: Fault): Promise<void> {
  if (ms !== undefined) return sleep(ms);
  while (hasFault(directory, 'SlowPull')) await sleep(20);
}

/** Stages, then fetches the images that are bound to it: a failure there comes after the deployment is in place. */
function deploy(
  state: HostState,
  reference: ImageReference,
  pulled: PulledImage,
  o: { locked: boolean; prefix: string },
): string {
  saveState(directory, stage(state, reference, pulled, o.locked));
  announce(directory, pulled.digest);
  if (strike(directory, 'BoundImage', [...list(pinnedDigest(reference.image)), pulled.digest])) {
    throw new BootcError(`${o.prefix}Pulling bound images: Subprocess failed: ExitStatus(unix_wait_status(32000))`);
  }
  if (o.locked) return 'Image downloaded, but will not be applied on reboot\n';
  return `Queued for next boot: ${name(reference)}\n${details(pulled)}`;
}

function details(image: PulledImage): string {
  return `${image.version === null ? '' : `  Version: ${image.version}\n`}  Digest: ${image.digest}\n`;
}

/** As ostree prints it: with its scheme. */
function name(reference: ImageReference): string {
  return `${reference.signature ? 'ostree-image-signed' : 'ostree-unverified-registry'}:${reference.image}`;
}

function list(value: string | undefined): string[] {
  return value === undefined ? [] : [value];
}

function forever(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 2 ** 30));
}
