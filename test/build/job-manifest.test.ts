import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ImageBuild, ImageBuildSpecExecution } from '../../controller/api/image-build.ts';
import { buildAnnotation, buildLabel, foundationLabel, interruptionsAnnotation } from '../../controller/api/names.ts';
import { resourcesOf } from '../../controller/build/default-resources.ts';
import { jobManifest } from '../../controller/build/job-manifest.ts';
import type { JobRequest, JobSettings } from '../../controller/build/job-manifest.ts';
import { jobName } from '../../controller/build/job-name.ts';
import { sha256 } from '../../controller/registry/digest.ts';

const key = 'a'.repeat(64);
const settings: JobSettings = {
  namespace: 'scantling-system',
  image: 'r.example/scantling-builder:1',
  serviceAccount: 'scantling-builder',
  registriesConfig: 'scantling-registries',
  certificateSecrets: [],
  insecureHosts: [],
};

function buildOf(execution: Partial<ImageBuildSpecExecution> = {}, pushSecret?: string): ImageBuild {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'ImageBuild',
    metadata: { name: 'worker-0123456789', uid: 'the-uid' },
    spec: {
      definitionRef: { name: 'worker' },
      context: sha256('context'),
      base: `r.example/base@${sha256('base')}`,
      output: { repository: 'r.example/worker', ...(pushSecret ? { pushSecretRef: { name: pushSecret } } : {}) },
      execution: { timeout: '20m', lint: 'Warn', ...execution },
      builderVersion: '2',
    },
  };
}

const requestOf = (build: ImageBuild, change: Partial<JobRequest> = {}): JobRequest => ({
  build,
  platform: 'linux/amd64',
  key,
  base: `r.example/base@${sha256('platform')}`,
  attempt: 1,
  interruptions: 0,
  ...change,
});

interface PodSpec {
  containers: { args: string[]; env?: unknown; resources?: unknown; volumeMounts: { name: string; mountPath: string }[] }[];
  volumes: { name: string; secret?: unknown; projected?: unknown; configMap?: unknown }[];
  nodeSelector: Record<string, string>;
  tolerations?: unknown;
  priorityClassName?: string;
  automountServiceAccountToken: boolean;
}

function podOf(build: ImageBuild, change: Partial<JobRequest> = {}, of: Partial<JobSettings> = {}): PodSpec {
  const { template } = jobManifest(requestOf(build, change), { ...settings, ...of }).spec ?? { template: {} };
  return (template as { spec: PodSpec }).spec;
}

const argumentsOf = (pod: PodSpec): string[] => pod.containers[0]?.args ?? [];
const volumeOf = (pod: PodSpec, name: string): unknown => pod.volumes.find(volume => volume.name === name);

test('the Job says whose it is, and tries no second time by itself', () => {
  const job = jobManifest(requestOf(buildOf(), { attempt: 2, interruptions: 3 }), settings);
  assert.equal(job.metadata.name, 'worker-0123456789-amd64-2');
  assert.equal(job.metadata.namespace, 'scantling-system');
  assert.equal(job.metadata.labels?.[buildLabel], 'the-uid');
  assert.equal(job.metadata.labels?.[foundationLabel], key.slice(0, 40));
  assert.equal(job.metadata.annotations?.[buildAnnotation], 'worker-0123456789');
  assert.equal(job.metadata.annotations?.[interruptionsAnnotation], '3');
  assert.deepEqual(
    job.metadata.ownerReferences?.map(o => [o.kind, o.name, o.uid, o.controller]),
    [['ImageBuild', 'worker-0123456789', 'the-uid', true]],
  );
  assert.ok(job.spec);
  const { backoffLimit, activeDeadlineSeconds } = job.spec;
  assert.deepEqual([backoffLimit, job.spec['podReplacementPolicy']], [0, 'Failed']);
  assert.equal(activeDeadlineSeconds, 20 * 60 + 600, 'the timeout, and what a pod may take to start');
  assert.equal(podOf(buildOf()).automountServiceAccountToken, false);
});

test('the arguments name everything that is built', () => {
  assert.deepEqual(argumentsOf(podOf(buildOf())), [
    'build',
    `--context=r.example/worker@${sha256('context')}`,
    `--base=r.example/base@${sha256('platform')}`,
    '--platform=linux/amd64',
    '--repository=r.example/worker',
    `--tag=foundation-${key}`,
    `--key=${key}`,
    '--lint=Warn',
    '--timeout=20m',
    '--registries-file=/etc/scantling/registries/registries.yaml',
    '--directory=/var/lib/scantling',
    '--result=/dev/termination-log',
  ]);
});

test('where a pod runs is what the definition says, and its architecture', () => {
  const tolerations = [{ key: 'build', operator: 'Exists' as const, effect: 'NoSchedule' as const }];
  const resources = { requests: { cpu: '2' }, limits: { memory: '8Gi' } };
  const build = buildOf({
    tolerations,
    resources,
    nodeSelector: { disk: 'ssd', 'kubernetes.io/arch': 's390x' },
    priorityClassName: 'low',
  });
  const pod = podOf(build, { platform: 'linux/arm64/v8' });
  assert.deepEqual(pod.nodeSelector, { disk: 'ssd', 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' });
  assert.deepEqual(pod.tolerations, tolerations);
  assert.deepEqual(pod.containers[0]?.resources, resources);
  assert.equal(pod.priorityClassName, 'low');
});

test('credentials, secrets and authorities are files, and no value of them is anywhere', () => {
  const secrets = [
    { id: 'rhsm', secretRef: { name: 'entitlement', key: 'key.pem' } },
    { id: 'token', secretRef: { name: 'entitlement', key: 'token' } },
  ];
  const execution = { secrets, pullSecretRef: { name: 'pull' }, caBundleRef: { name: 'authorities', key: 'all.pem' } };
  const pod = podOf(buildOf(execution, 'push'), {}, { certificateSecrets: ['mirror'] });
  const args = argumentsOf(pod);
  assert.deepEqual(
    args.filter(a => /auth-file|secrets-directory|ca-file|certificates/.test(a)),
    [
      '--auth-file=/etc/scantling/pull/config.json',
      '--auth-file=/etc/scantling/push/config.json',
      '--secrets-directory=/etc/scantling/secrets',
      '--certificates-directory=/etc/scantling/certificates',
      '--ca-file=/etc/scantling/authorities/ca.crt',
    ],
  );
  const text = JSON.stringify(volumeOf(pod, 'secrets'));
  assert.match(text, /"name":"entitlement","items":\[\{"key":"key.pem","path":"rhsm"\}\]/);
  assert.match(JSON.stringify(volumeOf(pod, 'push-credentials')), /"secretName":"push"/);
  assert.match(JSON.stringify(volumeOf(pod, 'pull-credentials')), /"secretName":"pull"/);
  assert.match(JSON.stringify(volumeOf(pod, 'certificates')), /"name":"mirror","optional":true/);
  assert.match(JSON.stringify(volumeOf(pod, 'registries')), /"optional":true/);
  const mounted = pod.containers[0]?.volumeMounts ?? [];
  assert.ok(
    mounted.every(mount => !('subPath' in mount)),
    'a Secret that is rotated is seen',
  );
  assert.deepEqual(new Set(mounted.map(m => m.name)), new Set(pod.volumes.map(v => v.name)));
});

test('the base is pulled with the credentials of the push where it has none of its own', () => {
  const pod = podOf(buildOf({}, 'push'));
  assert.match(JSON.stringify(volumeOf(pod, 'pull-credentials')), /"secretName":"push"/);
});

test('proxy and plain http are said as they are', () => {
  const proxy = { http: 'http://proxy:3128', https: 'http://proxy:3129', noProxy: '.example' };
  const args = argumentsOf(podOf(buildOf({ proxy }), {}, { insecureHosts: ['r.example:5000'] }));
  for (const wanted of [
    '--proxy-http=http://proxy:3128',
    '--proxy-https=http://proxy:3129',
    '--no-proxy=.example',
    '--insecure-registries=r.example:5000',
  ])
    assert.ok(args.includes(wanted), wanted);
});

test('names of Jobs are valid, differ where anything differs, and keep what tells builds apart', () => {
  const builds = fc.tuple(fc.stringMatching(/^[a-z0-9]([-.a-z0-9]{0,198}[a-z0-9])?$/), fc.stringMatching(/^[0-9a-f]{10}$/));
  const platforms = fc.constantFrom('linux/amd64', 'linux/arm64/v8', 'linux/arm/v6', 'linux/arm/v7', 'linux/ppc64le');
  fc.assert(
    fc.property(builds, platforms, platforms, fc.integer({ min: 1, max: 99 }), ([definition, hash], one, other, attempt) => {
      const name = jobName(`${definition}-${hash}`, one, attempt);
      assert.ok(name.length <= 63, name);
      assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
      assert.ok(name.includes(hash));
      assert.notEqual(name, jobName(`${definition}-${hash}`, one, attempt + 1));
      if (one !== other) assert.notEqual(name, jobName(`${definition}-${hash}`, other, attempt));
    }),
  );
});

test('a pod has the resources of its definition, or those of all builds', () => {
  const resources = resourcesOf(['cpu=500m', 'memory=1Gi'], ['memory=4Gi']);
  const of = { resources };
  assert.deepEqual(podOf(buildOf(), {}, of).containers[0]?.resources, {
    requests: { cpu: '500m', memory: '1Gi' },
    limits: { memory: '4Gi' },
  });
  const own = { requests: { cpu: '2' } };
  assert.deepEqual(podOf(buildOf({ resources: own }), {}, of).containers[0]?.resources, own);
  assert.equal(podOf(buildOf()).containers[0]?.resources, undefined);
  for (const right of ['.5', '5.', '+1', '1e-3', '2E+3', '1.5Gi', '100m'])
    assert.deepEqual(resourcesOf([`cpu=${right}`], []), { requests: { cpu: right } });
  for (const wrong of ['memory', 'memory=', '=1Gi', 'memory=lots', 'memory=1Gi=2Gi', 'memory=-1', 'memory=.', 'memory=1e'])
    assert.throws(() => resourcesOf([wrong], []), /is no resource and quantity/, wrong);
});
