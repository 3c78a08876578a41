/**
 * The Job that builds a foundation for one platform: pure. What a build may know (credentials, secrets, authorities) comes as files; arguments
 * and environment can be read by whoever may see a pod, and hold only names.
 */
import type { Job } from '../api/core.ts';
import { parseDuration } from '../api/duration.ts';
import type { ImageBuild, ImageBuildSpec, ImageBuildSpecExecutionResources } from '../api/image-build.ts';
import {
  buildAnnotation,
  buildLabel,
  foundationLabel,
  generationAnnotation,
  interruptionsAnnotation,
  platformAnnotation,
} from '../api/names.ts';
import { foundationTagOf } from './foundation-key.ts';
import { jobName } from './job-name.ts';
import { containerSecurity, podSecurity } from './job-security.ts';
import { architectureOf } from './platform-name.ts';

/** What the operator says of all Jobs. */
export interface JobSettings {
  /** The operator's own. */
  namespace: string;
  /** Of the container, with its entry point `scantling`. */
  image: string;
  serviceAccount: string;
  /** Name of the ConfigMap with the configuration of the registries; it need not exist. */
  registriesConfig: string;
  /** Names of the Secrets that the configuration of the registries takes certificates from. */
  certificateSecrets: readonly string[];
  /** Registries (host:port) spoken to by plain http. */
  insecureHosts: readonly string[];
  /** Of pods whose definition names none. */
  resources?: ImageBuildSpecExecutionResources | undefined;
}

export interface JobRequest {
  build: ImageBuild;
  platform: string;
  /** Key of the foundation: 64 hex digits. */
  key: string;
  /** `repository@digest` of the base's manifest for the platform. */
  base: string;
  /** From 1. */
  attempt: number;
  /** How many Jobs of this attempt have ended before through no fault of its steps. */
  interruptions: number;
}

/** A pod may need so long to be placed and to have its image, before the time of the build itself begins. */
const startSeconds = 600;
/** A finished Job that nobody cleared away (the operator is gone, say) goes by itself after so long. */
const keptSeconds = 24 * 3600;
/** First characters of the key that fit into a label. */
const keyLabelLength = 40;

export const builderContainer = 'build';
/** The files belong to root, and the build runs as another. Nothing else is in its pod. */
const readable = 0o444;
const at = {
  storage: '/var/lib/scantling',
  temporary: '/tmp',
  push: '/etc/scantling/push',
  pull: '/etc/scantling/pull',
  secrets: '/etc/scantling/secrets',
  registries: '/etc/scantling/registries',
  certificates: '/etc/scantling/certificates',
  authorities: '/etc/scantling/authorities',
  result: '/dev/termination-log',
} as const;

/** The value of the label that Jobs of one foundation have. */
export function keyLabel(key: string): string {
  return key.slice(0, keyLabelLength);
}

export function jobManifest(request: JobRequest, settings: JobSettings): Job {
  const { build, platform, key, attempt, interruptions } = request;
  const { execution } = build.spec;
  const resources = execution.resources ?? settings.resources;
  const { apiVersion, kind, metadata } = build;
  const labels = {
    'app.kubernetes.io/name': 'scantling',
    'app.kubernetes.io/component': 'builder',
    'app.kubernetes.io/managed-by': 'scantling',
    [buildLabel]: metadata.uid ?? '',
    [foundationLabel]: keyLabel(key),
  };
  const annotations = { [buildAnnotation]: metadata.name, [platformAnnotation]: platform };
  const files = [...credentialFiles(build.spec), ...secretFiles(build.spec), ...trustFiles(build.spec, settings)];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(metadata.name, platform, attempt),
      namespace: settings.namespace,
      labels,
      annotations: {
        ...annotations,
        [generationAnnotation]: String(metadata.generation ?? 0),
        [interruptionsAnnotation]: String(interruptions),
      },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true }],
    },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: Math.ceil(parseDuration(execution.timeout) / 1000) + startSeconds,
      ttlSecondsAfterFinished: keptSeconds,
      podReplacementPolicy: 'Failed',
      template: {
        metadata: { labels, annotations },
        spec: {
          restartPolicy: 'Never',
          serviceAccountName: settings.serviceAccount,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurity,
          nodeSelector: {
            ...execution.nodeSelector,
            'kubernetes.io/os': 'linux',
            'kubernetes.io/arch': architectureOf(platform),
          },
          ...(execution.tolerations ? { tolerations: execution.tolerations } : {}),
          ...(execution.priorityClassName ? { priorityClassName: execution.priorityClassName } : {}),
          containers: [
            {
              name: builderContainer,
              image: settings.image,
              args: argumentsOf(request, settings, files),
              securityContext: containerSecurity,
              ...(resources ? { resources } : {}),
              terminationMessagePath: at.result,
              terminationMessagePolicy: 'File',
              volumeMounts: [
                { name: 'storage', mountPath: at.storage },
                { name: 'temporary', mountPath: at.temporary },
                ...files.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
              ],
            },
          ],
          volumes: [
            { name: 'storage', emptyDir: {} },
            { name: 'temporary', emptyDir: {} },
            ...files.map(({ name, source }) => ({ name, ...source })),
          ],
        },
      },
    },
  };
}

function argumentsOf({ build, platform, key, base }: JobRequest, settings: JobSettings, files: readonly Mounted[]): string[] {
  const { context, execution, output } = build.spec;
  const { proxy } = execution;
  return [
    'build',
    `--context=${output.repository}@${context}`,
    `--base=${base}`,
    `--platform=${platform}`,
    `--repository=${output.repository}`,
    `--tag=${foundationTagOf(key)}`,
    `--key=${key}`,
    `--lint=${execution.lint}`,
    `--timeout=${execution.timeout}`,
    ...files.flatMap(({ flags }) => flags),
    ...flagOf('insecure-registries', settings.insecureHosts.join(',')),
    ...flagOf('proxy-http', proxy?.http),
    ...flagOf('proxy-https', proxy?.https),
    ...flagOf('no-proxy', proxy?.noProxy),
    `--directory=${at.storage}`,
    `--result=${at.result}`,
  ];
}

function flagOf(flag: string, text: string | undefined): string[] {
  return text ? [`--${flag}=${text}`] : [];
}

/** A volume, where it is seen, and the flags that tell of it. */
interface Mounted {
  name: string;
  mountPath: string;
  source: object;
  flags: string[];
}

function credentialFiles({ execution, output }: ImageBuildSpec): Mounted[] {
  const push = output.pushSecretRef?.name;
  return [...credentialsOf('pull', execution.pullSecretRef?.name ?? push), ...credentialsOf('push', push)];
}

/** Never by subPath: a Secret that is rotated during the build is seen at the push. */
function credentialsOf(use: 'push' | 'pull', secret: string | undefined): Mounted[] {
  if (secret === undefined) return [];
  return [
    {
      name: `${use}-credentials`,
      mountPath: at[use],
      source: { secret: { secretName: secret, items: [{ key: '.dockerconfigjson', path: 'config.json' }] } },
      flags: [`--auth-file=${at[use]}/config.json`],
    },
  ];
}

/** One directory of all, with a file for each id. */
function secretFiles({ execution: { secrets } }: ImageBuildSpec): Mounted[] {
  if (!secrets?.length) return [];
  const sources = secrets.map(({ id, secretRef: { name, key } }) => ({ secret: { name, items: [{ key, path: id }] } }));
  return [
    {
      name: 'secrets',
      mountPath: at.secrets,
      source: { projected: { sources, defaultMode: readable } },
      flags: [`--secrets-directory=${at.secrets}`],
    },
  ];
}

function trustFiles({ execution: { caBundleRef } }: ImageBuildSpec, settings: JobSettings): Mounted[] {
  const { registriesConfig, certificateSecrets } = settings;
  const files: Mounted[] = [
    {
      name: 'registries',
      mountPath: at.registries,
      source: { configMap: { name: registriesConfig, optional: true } },
      flags: [`--registries-file=${at.registries}/registries.yaml`],
    },
  ];
  if (certificateSecrets.length > 0) {
    const keys = ['ca.crt', 'tls.crt', 'tls.key'];
    const sources = certificateSecrets.flatMap(name =>
      // A projected item whose key is missing keeps the pod from starting unless the source is optional.
      keys.map(key => ({ secret: { name, optional: true, items: [{ key, path: `${name}/${key}` }] } })),
    );
    files.push({
      name: 'certificates',
      mountPath: at.certificates,
      source: { projected: { sources, defaultMode: readable } },
      flags: [`--certificates-directory=${at.certificates}`],
    });
  }
  if (caBundleRef) {
    files.push({
      name: 'authorities',
      mountPath: at.authorities,
      source: { configMap: { name: caBundleRef.name, items: [{ key: caBundleRef.key, path: 'ca.crt' }] } },
      flags: [`--ca-file=${at.authorities}/ca.crt`],
    });
  }
  return files;
}
