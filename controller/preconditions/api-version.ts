/** Whether the API server is new enough: pure. */
import type { Finding } from './finding.ts';

/** ValidatingAdmissionPolicies that read the node of a token, and CEL libraries that the CRDs' rules use, are there from this version on. */
export const oldestMinor = 32;

/** What GET /version answers; some vendors put a sign behind the minor version, as 31+. */
export interface ServerVersion {
  major?: string;
  minor?: string;
  gitVersion?: string;
}

export function versionFinding({ major = '', minor = '', gitVersion }: ServerVersion, server: string): Finding | undefined {
  const [first, second] = [Number.parseInt(major, 10), Number.parseInt(minor, 10)];
  if (first > 1 || (first === 1 && second >= oldestMinor)) return undefined;
  const is = gitVersion ?? `${major}.${minor}`;
  const message = `the API server ${server} is Kubernetes ${is}, and Scantling needs 1.${oldestMinor} or newer: upgrade the cluster's control plane`;
  return { key: 'api-version', severity: 'blocking', message };
}
