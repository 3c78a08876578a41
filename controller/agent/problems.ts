/** What on the host needs a person, though the agent goes on: pure. */
import type { NodeTargetSpec, NodeTargetStatusHostProblem } from '../api/node-target.ts';
import { shortRevision } from '../api/short-revision.ts';
import { nextBoot } from './bootc-status.ts';
import type { BootcStatus, BootEntry } from './bootc-status.ts';
import type { Memory } from './memory.ts';
import { revisionOf } from './memory.ts';
import { digestsOf, isOneOf, nameOf } from './target.ts';

export function problemsOf(status: BootcStatus, spec: NodeTargetSpec, memory: Memory): NodeTargetStatusHostProblem[] {
  return [staging(status, spec, memory), rollback(status, memory), drift(status), hindrance(status)].filter(p => p !== undefined);
}

function staging(status: BootcStatus, spec: NodeTargetSpec, memory: Memory): NodeTargetStatusHostProblem | undefined {
  const { staged, booted } = status;
  if (!staged) return undefined;
  const digests = digestsOf(spec);
  const effect = staged.locked ? 'it is locked and will not be applied' : 'any reboot applies it';
  if (!isOneOf(staged, digests)) return other(staged, effect, memory);
  if (isOneOf(booted, digests)) return { reason: 'StaleStaging', message: `the target runs and is staged once more; ${effect}` };
  if (staged.locked || memory.intent) return undefined;
  return {
    reason: 'StagingUnlocked',
    message:
      'this bootc stages without a lock: a reboot by anyone else, or after a power cut in good order, would boot the target early',
  };
}

function other(staged: BootEntry, effect: string, memory: Memory): NodeTargetStatusHostProblem {
  const known = revisionOf(memory, staged.digest);
  if (known !== undefined)
    return { reason: 'StaleStaging', message: `${shortRevision(known)}, an earlier target, is still staged; ${effect}` };
  const image = staged.reference?.image ?? staged.digest ?? 'something without an image';
  return { reason: 'ForeignStaging', message: `${image} is staged and is no target of ours; ${effect}`.slice(0, 1024) };
}

function rollback(status: BootcStatus, memory: Memory): NodeTargetStatusHostProblem | undefined {
  if (!status.rollbackQueued) return undefined;
  const next = nextBoot(status);
  const name = nameOf(revisionOf(memory, next?.digest), next?.digest);
  const failed = memory.failed.some(f => f.digest === next?.digest) ? ', which failed here' : '';
  return { reason: 'RollbackQueued', message: `the boot order prefers ${name}${failed}: the next reboot would run it` };
}

function drift(status: BootcStatus): NodeTargetStatusHostProblem | undefined {
  if (!status.usrOverlay) return undefined;
  return { reason: 'UsrOverlay', message: '/usr is overlaid (bootc usr-overlay): what runs is not the image alone' };
}

/** Why bootc could not update the host at all. */
export function hindrance(status: BootcStatus): NodeTargetStatusHostProblem | undefined {
  if (status.booted?.incompatible) {
    const message =
      'packages are layered on the image, and bootc updates no such host: put them into the definition and run "rpm-ostree reset" on the host';
    return { reason: 'HostIncompatible', message };
  }
  if (!status.readOnly) return undefined;
  return { reason: 'HostReadOnly', message: 'the host is a live system that cannot be updated: install the image to its disk' };
}
