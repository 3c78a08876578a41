/** The versions of Helm that are supported: those that a Go module here pins. */
import { pinned } from './kubernetes-versions.mjs';

/** The programs that the set-up brings, the oldest first. */
export type HelmProgram = 'helm-oldest' | 'helm-3' | 'helm';

export interface HelmVersion {
  program: HelmProgram;
  /** `3.17` */
  minor: string;
  /** `3.17.4` */
  release: string;
}

/** All supported versions, the oldest first. `helm` is the one that tests use unless they are about versions. */
export function supportedHelm(): HelmVersion[] {
  const releases: Record<HelmProgram, string> = {
    'helm-oldest': pinned('helm-oldest', 'helm.sh/helm/v3'),
    'helm-3': pinned('helm-3', 'helm.sh/helm/v3'),
    helm: pinned('helm', 'helm.sh/helm/v4'),
  };
  return (['helm-oldest', 'helm-3', 'helm'] as const).map(program => {
    const release = releases[program];
    return { program, release, minor: release.split('.').slice(0, 2).join('.') };
  });
}
