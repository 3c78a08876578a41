import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Job, Pod } from '../../controller/api/core.ts';
import { interruptionsAnnotation, platformAnnotation } from '../../controller/api/names.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import { interruptionDelayMs, jobOutcome, maxInterruptions } from '../../controller/build/job-outcome.ts';
import type { JobOutcome, Waited } from '../../controller/build/job-outcome.ts';
import { podTrouble } from '../../controller/build/pod-trouble.ts';
import { encodeTermination } from '../../controller/build/termination.ts';
import { sha256 } from '../../controller/registry/digest.ts';

const ended = '2026-01-02T03:04:05Z';
const now = Date.parse(ended) + 60_000;

function jobOf(conditions: { type: string; reason?: string; message?: string }[] = [], interruptions = 0): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'worker-0123456789-amd64-1',
      annotations: { [platformAnnotation]: 'linux/amd64', [interruptionsAnnotation]: String(interruptions) },
    },
    status: { conditions: conditions.map(c => ({ status: 'True', lastTransitionTime: ended, ...c })) },
  };
}

function podOf(status: Pod['status'], metadata: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: { nodeName: 'node-1' },
    ...(status ? { status } : {}),
  };
}

const container = (state: ContainerStatus['state']): ContainerStatus[] => [{ name: 'build', ...(state ? { state } : {}) }];
const terminated = (o: { exitCode?: number; reason?: string; message?: string; signal?: number } = {}): ContainerStatus[] =>
  container({ terminated: { exitCode: 1, ...o } });
const waiting = (reason: string, message?: string): Pod =>
  podOf({ phase: 'Pending', containerStatuses: container({ waiting: { reason, ...(message ? { message } : {}) } }) });
const failed = [{ type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }];

const said = (outcome: JobOutcome): string => {
  if (outcome.kind === 'Running') return `Running ${outcome.trouble?.reason ?? ''}`.trim();
  if (outcome.kind === 'Failed') return `Failed ${outcome.reason ?? ''}: ${outcome.error.message}`;
  return outcome.kind === 'Interrupted' ? `Interrupted ${outcome.reason}: ${outcome.message}` : outcome.kind;
};

interface Case {
  job?: Job;
  pod?: Pod;
  waitedFor?: Waited;
  refusal?: string;
  is: string;
}

const cases: Record<string, Case> = {
  'no pod yet': { is: 'Running' },
  'no pod for long': {
    job: { ...jobOf(), metadata: { ...jobOf().metadata, namespace: 'n', creationTimestamp: ended } },
    is: 'Running PodMissing',
  },
  'no pod, and an event that says why': { refusal: 'exceeded quota: small', is: 'Running PodMissing' },
  'no pod any more, and an event of before': {
    job: jobOf(failed),
    refusal: 'x',
    is: 'Interrupted PodLost: the pod of the Job is gone: Job has reached the specified backoff limit',
  },
  'a pod nobody has looked at': { pod: podOf({ phase: 'Pending' }), is: 'Running' },
  'a container on its way': { pod: waiting('ContainerCreating'), is: 'Running' },
  'a container that runs': {
    pod: podOf({
      phase: 'Running',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'of before' }],
      containerStatuses: container({ running: { startedAt: ended } }),
    }),
    is: 'Running',
  },
  'no node has room': {
    pod: podOf({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no' }],
    }),
    is: 'Running Unschedulable',
  },
  'an image that cannot be pulled': { pod: waiting('ImagePullBackOff', 'back-off'), is: 'Running ImagePullBackOff' },
  'an image that cannot be pulled, at first': { pod: waiting('ErrImagePull', 'no such host'), is: 'Running ErrImagePull' },
  'an image whose name is none': { pod: waiting('InvalidImageName', 'x'), is: 'Running InvalidImageName' },
  'a container that cannot be made': {
    pod: waiting('CreateContainerConfigError', 'secret "x" not found'),
    is: 'Running CreateContainerConfigError',
  },
  'out of memory': {
    job: jobOf(failed),
    pod: podOf({ phase: 'Failed', containerStatuses: terminated({ exitCode: 137, reason: 'OOMKilled' }) }),
    is: 'Failed OOMKilled: the build needed more memory than it may have: it was killed; raise build.resources.limits.memory',
  },
  'out of memory in a step, which the worker outlives': {
    job: jobOf(failed),
    pod: podOf({
      phase: 'Failed',
      containerStatuses: terminated({
        reason: 'OOMKilled',
        message: encodeTermination({
          failure: { kind: 'step', step: '2/2: RUN x', exitCode: 137, message: 'exit code 137', log: [] },
        }),
      }),
    }),
    is: 'Failed OOMKilled: the build needed more memory than it may have: it was killed; raise build.resources.limits.memory',
  },
  'evicted for the want of its node': {
    job: jobOf(failed),
    pod: podOf({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }),
    is: 'Interrupted Evicted: The node was low on resource: memory.',
  },
  'evicted for its own limit': {
    job: jobOf(failed),
    pod: podOf({
      phase: 'Failed',
      reason: 'Evicted',
      message: 'Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.',
    }),
    is: 'Failed Evicted: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.',
  },
  'its node lost, the pod never ends': {
    pod: podOf(
      {
        phase: 'Running',
        conditions: [
          {
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'DeletionByTaintManager',
            message: 'Taint manager: deleting due to NoExecute taint',
          },
        ],
        containerStatuses: container({ running: { startedAt: ended } }),
      },
      { deletionTimestamp: ended },
    ),
    is: 'Interrupted NodeLost: the pod was lost with its node node-1: Taint manager: deleting due to NoExecute taint',
  },
  preempted: {
    job: jobOf(failed),
    pod: podOf({
      phase: 'Failed',
      conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message: 'm' }],
    }),
    is: 'Interrupted Preempted: m',
  },
  'its node shut down': {
    job: jobOf(failed),
    pod: podOf({ phase: 'Failed', reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' }),
    is: 'Interrupted Terminated: Pod was terminated in response to imminent node shutdown.',
  },
  'a result that only the runtime lost': {
    job: jobOf(failed),
    pod: podOf({ phase: 'Failed', containerStatuses: terminated({ exitCode: 137, reason: 'ContainerStatusUnknown' }) }),
    is: 'Interrupted NodeLost: the pod was lost with its node node-1',
  },
  'a container that the runtime could not start': {
    job: jobOf(failed),
    pod: podOf({
      phase: 'Failed',
      containerStatuses: terminated({ exitCode: 128, reason: 'StartError', message: 'no such file' }),
    }),
    is: 'Interrupted StartError: no such file',
  },
  'not done in its time': {
    job: jobOf([{ type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }]),
    is: 'Failed DeadlineExceeded: not done in its time: Job was active longer than specified deadline',
  },
  'never begun in its time, and the pod is gone': {
    job: jobOf([{ type: 'Failed', reason: 'DeadlineExceeded' }]),
    waitedFor: { reason: 'Unschedulable', message: '0/3 nodes are available' },
    is: 'Interrupted Unschedulable: the pod did not start in time: 0/3 nodes are available',
  },
  'never begun in its time, which has been counted': {
    job: jobOf([{ type: 'Failed', reason: 'DeadlineExceeded' }]),
    waitedFor: { reason: 'Unschedulable', message: 'the pod did not start in time: 0/3 nodes are available', lost: true },
    is: 'Interrupted Unschedulable: the pod did not start in time: 0/3 nodes are available',
  },
  'never begun in its time, and the pod is there': {
    job: jobOf([{ type: 'FailureTarget', reason: 'DeadlineExceeded' }]),
    pod: waiting('ImagePullBackOff', 'back-off'),
    is: 'Interrupted ImagePullBackOff: the pod did not start in time: back-off',
  },
  'its pod deleted by hand': {
    job: jobOf(failed),
    is: 'Interrupted PodLost: the pod of the Job is gone: Job has reached the specified backoff limit',
  },
  'an end without a word': {
    job: jobOf(failed),
    pod: podOf({ phase: 'Failed', containerStatuses: terminated({ exitCode: 3, reason: 'Error', message: 'panic: x' }) }),
    is: 'Failed Error: ended with exit code 3 and left no result',
  },
  'an end by a signal': {
    pod: podOf({ phase: 'Failed', containerStatuses: terminated({ exitCode: 139, signal: 11, reason: 'Error' }) }),
    is: 'Failed Error: ended with signal 11 and left no result',
  },
  'evicted a moment ago': {
    pod: podOf({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' }),
    is: 'Running Evicted',
  },
  'a registry that did not answer': {
    job: jobOf(failed),
    pod: podOf({
      phase: 'Failed',
      containerStatuses: terminated({
        message: encodeTermination({
          failure: { kind: 'transient', reason: 'RegistryUnavailable', step: 'push', message: 'r answers 503', log: [] },
        }),
      }),
    }),
    is: 'Interrupted RegistryUnavailable: r answers 503',
  },
};

for (const [name, { job = jobOf(), pod, waitedFor, refusal, is }] of Object.entries(cases)) {
  test(`of a Job with ${name}`, () => {
    const outcome = jobOutcome({ job, pods: pod ? [pod] : [], ...(refusal === undefined ? {} : { refusal }) }, waitedFor, now);
    assert.equal(said(outcome), is);
    assert.deepEqual([outcome.platform, outcome.job, outcome.pod], ['linux/amd64', job.metadata.name, pod?.metadata.name]);
  });
}

test('what the worker says goes before what became of its pod', () => {
  const result = { digest: sha256('foundation'), warnings: ['w'] };
  const status: Pod['status'] = {
    phase: 'Failed',
    reason: 'Evicted',
    containerStatuses: terminated({ exitCode: 0, message: encodeTermination({ result }) }),
  };
  const outcome = jobOutcome({ job: jobOf(failed), pods: [podOf(status)] }, undefined, now);
  assert.deepEqual(outcome, { platform: 'linux/amd64', job: 'worker-0123456789-amd64-1', pod: 'p', kind: 'Built', ...result });
});

test('a failed step is taken as it was said', () => {
  const failure = {
    kind: 'step' as const,
    step: '2/3: RUN false',
    stepNumber: 2,
    exitCode: 7,
    message: 'exit code 7',
    log: ['a'],
  };
  const status: Pod['status'] = { phase: 'Failed', containerStatuses: terminated({ message: encodeTermination({ failure }) }) };
  const outcome = jobOutcome({ job: jobOf(failed), pods: [podOf(status)] }, undefined, now);
  assert.ok(outcome.kind === 'Failed' && outcome.error instanceof BuildError);
  const { step, stepNumber, exitCode, log, platform } = outcome.error;
  assert.deepEqual(
    { step, stepNumber, exitCode, log, platform },
    { step: '2/3: RUN false', stepNumber: 2, exitCode: 7, log: ['a'], platform: 'linux/amd64' },
  );
});

test('a build that is lost again and again fails in the end, and each Job comes later than the one before', () => {
  const pod = podOf({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' });
  for (let lost = 0; lost < maxInterruptions; lost++) {
    const outcome = jobOutcome({ job: jobOf(failed, lost), pods: [pod] }, undefined, now);
    assert.ok(outcome.kind === 'Interrupted');
    assert.deepEqual([outcome.interruptions, outcome.at], [lost, Date.parse(ended)]);
    assert.ok(interruptionDelayMs(lost) <= interruptionDelayMs(lost + 1));
  }
  assert.match(
    said(jobOutcome({ job: jobOf(failed, maxInterruptions), pods: [pod] }, undefined, now)),
    /^Failed Evicted: low on memory; lost 6 times/,
  );
  assert.equal(interruptionDelayMs(1000), 600_000);
});

test('of several pods the newest counts', () => {
  const old = podOf({ phase: 'Failed', reason: 'Evicted' });
  const young = podOf({ phase: 'Running' }, { name: 'q', creationTimestamp: '2026-01-02T00:00:00Z' });
  assert.equal(said(jobOutcome({ job: jobOf(), pods: [old, young] }, undefined, now)), 'Running');
});

test('words are one line, and a reason is one that a condition can hold', () => {
  const trouble = podTrouble(waiting('Weird Reason!', 'first\n\n  second'));
  assert.deepEqual([trouble?.reason, trouble?.message], ['PodFailed', 'first second']);
});
