import { arch } from 'node:process';

/** Names that Go, and so OCI and Kubernetes, has for Node's architectures. */
const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', loong64: 'loong64', ppc64: 'ppc64le' };

/** This machine's architecture, as OCI names it. */
export const machineArchitecture: string = goArchitectures[arch] ?? arch;

/** `arm64` of `linux/arm64/v8`: what a Node's label kubernetes.io/arch says. */
export function architectureOf(platform: string): string {
  return platform.split('/')[1] ?? '';
}
