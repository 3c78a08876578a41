/** Which servers the tests need, by version, and where on this machine they are. Plain JavaScript: runs before `npm ci`. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kubernetesVariable, kubernetesVersion, pinned } from './kubernetes-versions.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** @typedef {'kube-apiserver' | 'etcd' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'registry' | 'referrers-registry' | 'quadlet' | 'quadlet-oldest' | 'helm' | 'helm-3' | 'helm-oldest' | 'kubectl' | 'cosign' | 'host-policy' | 'host-policy-oldest'} ServerName */

/**
 * A Go module below this directory and the commands in it, each by its package, with the names they are installed under.
 * Tests that need one of an optional module are skipped without it. `onlyFor`: the programs and the arguments that need it; the others start
 * without waiting for it. `tags`: what Go is to leave out or take in, separated by commas.
 * @typedef {{ module: string, packages: Record<string, ServerName>, ldflags: string, versions: Record<string, string>, tags?: string, optional?: true, onlyFor?: readonly string[] }} ServerModule
 */

const stamp = 'k8s.io/component-base/version.git';

/** A kubelet runs containers, so it is only of use where that can be done: on Linux, as root. */
const realNodes = process.platform === 'linux' && process.getuid?.() === 0;

/**
 * The generator that makes services of Quadlet files, which is of use on Linux only; a part of podman that is not published by itself.
 * @param {'quadlet' | 'quadlet-oldest'} name of the module and of the program
 * @returns {ServerModule}
 */
function quadletModule(name) {
  return {
    module: name,
    packages: process.platform === 'linux' ? { 'github.com/containers/podman/v5/cmd/quadlet': name } : {},
    ldflags: '-s -w',
    versions: { quadlet: pinned(name, 'github.com/containers/podman/v5') },
    optional: true,
  };
}

/**
 * The servers of one version of Kubernetes.
 * @param {import('./kubernetes-versions.mjs').KubernetesVersion} version
 * @returns {ServerModule}
 */
function kubernetesModule({ module, release }) {
  const [major, minor] = release.split('.');
  return {
    module,
    packages: {
      'go.etcd.io/etcd/server/v3': 'etcd',
      'k8s.io/kubernetes/cmd/kube-apiserver': 'kube-apiserver',
      'k8s.io/kubernetes/cmd/kube-controller-manager': 'kube-controller-manager',
      'k8s.io/kubernetes/cmd/kube-scheduler': 'kube-scheduler',
      ...(realNodes ? { 'k8s.io/kubernetes/cmd/kubelet': /** @type {const} */ ('kubelet') } : {}),
    },
    // Without these the server calls itself v0.0.0 and refuses emulated versions.
    ldflags: `-s -w -X ${stamp}Version=v${release} -X ${stamp}Major=${major} -X ${stamp}Minor=${minor}`,
    versions: { kubernetes: release, etcd: pinned(module, 'go.etcd.io/etcd/server/v3') },
  };
}

/**
 * What an administrator installs with.
 * @returns {ServerModule}
 */
function administratorModule() {
  const helm = pinned('helm', 'helm.sh/helm/v4');
  // k8s.io/kubectl v0.37.1 is kubectl 1.37.1.
  const kubectl = pinned('helm', 'k8s.io/kubectl').replace(/^0/, '1');
  return {
    module: 'helm',
    packages: { 'helm.sh/helm/v4/cmd/helm': 'helm', 'scantling.dev/test/tools/helm/kubectl': 'kubectl' },
    // Without these both call themselves a development version, and Helm compares its own with what charts ask for.
    ldflags: `-s -w -X helm.sh/helm/v4/internal/version.version=v${helm} -X ${stamp}Version=v${kubectl}`,
    versions: { helm, kubectl },
    onlyFor: ['test/main.ts', 'test/tools/keep-release.ts', 'test/tools/release-chart.ts', '--helm'],
  };
}

/**
 * A Helm 3, for who has not changed to Helm 4 yet.
 * @param {'helm-3' | 'helm-oldest'} name of the module and of the program
 * @param {string} kubernetes the minor version of Kubernetes that the published program takes a cluster for when it renders without one
 * @returns {ServerModule}
 */
function helm3Module(name, kubernetes) {
  const helm = pinned(name, 'helm.sh/helm/v3');
  const of = 'helm.sh/helm/v3';
  // Without these it calls itself a development version, and takes every cluster for Kubernetes 1.20.
  const stamps = [
    `${of}/internal/version.version=v${helm}`,
    ...['pkg/chartutil', 'pkg/lint/rules'].map(path => `${of}/${path}.k8sVersionMinor=${kubernetes.split('.')[1]}`),
  ];
  return {
    module: name,
    packages: { [`${of}/cmd/helm`]: name },
    ldflags: ['-s -w', ...stamps.map(stamp => `-X ${stamp}`)].join(' '),
    versions: { helm },
    onlyFor: ['test/main.ts'],
  };
}

/**
 * What images are signed and verified with, besides our own code.
 * @returns {ServerModule}
 */
function cosignModule() {
  return {
    module: 'cosign',
    packages: { 'scantling.dev/test/tools/cosign': 'cosign' },
    ldflags: '-s -w',
    versions: { cosign: pinned('cosign', 'github.com/sigstore/cosign/v3') },
    optional: true,
    onlyFor: ['test/main.ts', 'test/trust/make-golden.ts'],
  };
}

/**
 * What decides on hosts which images are accepted, in the newest version or that of the first hosts: the library of skopeo, podman and bootc.
 * @param {'host-policy' | 'host-policy-oldest'} name of the module and of the program
 * @param {string} library
 * @returns {ServerModule}
 */
function hostPolicyModule(name, library) {
  return {
    module: name,
    packages: { [`scantling.dev/test/tools/${name}`]: name },
    ldflags: '-s -w',
    // Without these it needs C libraries, for what is not asked of it.
    tags: 'containers_image_openpgp,containers_image_storage_stub,containers_image_docker_daemon_stub',
    versions: { [name]: pinned(name, library) },
    optional: true,
    onlyFor: ['test/main.ts'],
  };
}

/**
 * All modules, with Kubernetes in the version that the environment asks for.
 * @returns {ServerModule[]}
 * @throws {SetupError} when it asks for one that is not supported
 */
export function serverModules() {
  return [
    {
      module: 'registry',
      packages: {
        'scantling.dev/test/tools/registry': 'registry',
        'scantling.dev/test/tools/registry/referrers': 'referrers-registry',
      },
      ldflags: '-s -w',
      versions: { registry: pinned('registry', 'github.com/distribution/distribution/v3') },
    },
    kubernetesModule(kubernetesVersion(process.env[kubernetesVariable])),
    quadletModule('quadlet'),
    quadletModule('quadlet-oldest'),
    administratorModule(),
    helm3Module('helm-3', '1.37'),
    helm3Module('helm-oldest', '1.32'),
    hostPolicyModule('host-policy', 'go.podman.io/image/v5'),
    hostPolicyModule('host-policy-oldest', 'github.com/containers/image/v5'),
    // The last, because it takes longest to build.
    cosignModule(),
  ];
}

/** Without optimisation the servers build in half the time, start as fast, and take about 1.6 times as long for a call. */
export const gcflags = 'all=-N -l';

/** Where things are kept between runs and shared by all checkouts of this user. */
export function cacheDirectory() {
  const { SCANTLING_CACHE, XDG_CACHE_HOME } = process.env;
  if (SCANTLING_CACHE) return SCANTLING_CACHE;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'scantling');
  return process.platform === 'darwin'
    ? join(homedir(), 'Library', 'Caches', 'scantling')
    : join(homedir(), '.cache', 'scantling');
}

/**
 * The directory of one module's servers. Its name changes with whatever would change the servers.
 * @param {ServerModule} server
 */
export function moduleDirectory(server) {
  const hash = createHash('sha256')
    .update(server.ldflags)
    .update(gcflags)
    .update(server.tags ?? '');
  const directory = join(here, server.module);
  const files = ['go.mod', 'go.sum', 'main.go', 'referrers/main.go', 'kubectl/main.go'].filter(file =>
    existsSync(join(directory, file)),
  );
  for (const file of files) hash.update(file).update(readFileSync(join(directory, file)));
  const versions = Object.entries(server.versions).flat().join('-');
  return join(cacheDirectory(), 'servers', `${versions}-${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`);
}

/**
 * The path of a server, or undefined when this machine does not have it yet. A directory named by KUBEBUILDER_ASSETS comes first.
 * @param {ServerName} name
 * @returns {string | undefined}
 */
export function findServer(name) {
  const server = serverModules().find(({ packages }) => Object.values(packages).includes(name));
  const directories = [process.env['KUBEBUILDER_ASSETS'], server && moduleDirectory(server)];
  return directories.flatMap(directory => (directory ? [join(directory, name)] : [])).find(path => existsSync(path));
}

/**
 * The servers of a module that this machine does not have yet.
 * @param {ServerModule} server
 * @returns {ServerName[]}
 */
export function missingServers(server) {
  return Object.values(server.packages).filter(name => findServer(name) === undefined);
}
