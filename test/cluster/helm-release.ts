/** Scantling as a release of Helm: what an administrator types to install, upgrade, take back and remove it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { defaultNamespace } from '../../controller/api/names.ts';
import { helm } from './helm.ts';
import type { Release } from './releases.ts';

const name = 'scantling';
const namespace = ['--namespace', defaultNamespace];

export class HelmRelease {
  readonly #kubeconfig: string;
  readonly #values: object;
  readonly #directory: string;

  /** `values` are those of every release. */
  constructor(o: { kubeconfig: string; values: object; directory: string }) {
    this.#kubeconfig = o.kubeconfig;
    this.#values = o.values;
    this.#directory = o.directory;
    mkdirSync(o.directory, { recursive: true });
  }

  /** `helm install --wait`. Returns what it printed. */
  install(release: Release, more: readonly string[] = []): Promise<string> {
    return this.run(['install', name, release.chart, '--create-namespace', ...this.#valuesOf(release), '--wait', ...more]);
  }

  /** `helm upgrade`, which does not wait: the rollout of the pods is watched by whoever is interested. */
  upgrade(release: Release, more: readonly string[] = []): Promise<string> {
    return this.run(['upgrade', name, release.chart, ...this.#valuesOf(release), ...more]);
  }

  /** `helm rollback`, to the revision before unless one is named. */
  rollback(revision?: number): Promise<string> {
    return this.run(['rollback', name, ...(revision === undefined ? [] : [String(revision)])]);
  }

  uninstall(more: readonly string[] = []): Promise<string> {
    return this.run(['uninstall', name, '--wait', '--timeout', '3m', ...more]);
  }

  test(): Promise<string> {
    return this.run(['test', name, '--timeout', '2m']);
  }

  /** Any command of Helm in the release's namespace. Throws CommandError with what it said. */
  async run(args: readonly string[]): Promise<string> {
    return (await helm([...args, ...namespace], { kubeconfig: this.#kubeconfig })).stdout;
  }

  #valuesOf({ version, images }: Release): string[] {
    const common = join(this.#directory, 'values.yaml');
    const own = join(this.#directory, `values-${version}.yaml`);
    writeFileSync(common, stringify(this.#values));
    const [controller, builder] = [images.controller, images.builder].map(imageValues);
    writeFileSync(own, stringify({ image: controller, builder: { image: builder } }));
    return ['--values', common, '--values', own];
  }
}

function imageValues(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(':');
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}
