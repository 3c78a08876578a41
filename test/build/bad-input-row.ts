import type { DockerConfig } from '../../controller/registry/credentials.ts';
import type { Scene, Seen } from './bad-input-scene.ts';
import { pushBase, shellLayer } from './build-fixture.ts';

export interface Place {
  scene: Scene;
  /** Of the definition. */
  name: string;
  /** Of its own, in the registry that is pushed to. */
  repository: string;
  /** Done when the row is over, however it ends. */
  after(stop: () => Promise<void>): void;
}

export interface Row {
  /** The spec that is built before anything is wrong. */
  good(place: Place): Promise<object>;
  spoil(
    place: Place,
    good: object,
  ): Promise<{
    bad: object;
    /** What happens once that is applied. */
    during?: () => Promise<void>;
    /** Takes the cause away; the spec that is wanted then, when it is another. */
    mend: () => Promise<object | void>;
  }>;
  /** Which object says it in its condition Ready. */
  of: 'definition' | 'build';
  reason: string;
  message: RegExp | ((place: Place) => RegExp);
  /** Which of the conditions Reconciling and Stalled is True beside it. */
  is: 'Reconciling' | 'Stalled';
  /** What the definition says meanwhile, where the build is what fails. */
  definition?: { reason: string; message: RegExp };
  /** What else is to be seen while it fails. */
  check?(seen: Seen, place: Place): void | Promise<void>;
  /** What else is to be seen in the end. */
  finish?(seen: Seen, place: Place): void | Promise<void>;
  /** To look for the images with. */
  credentials?(place: Place): DockerConfig;
}

export const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** A spec on a base with a shell, of its own repository and tag `1`. */
export async function onShell(place: Place, parts: object = {}): Promise<object> {
  const { scene, name, repository } = place;
  const base = `${scene.server.host}/base/${name}`;
  await pushBase(scene.registry, base, { layers: [shellLayer()], architecture, tag: '1' });
  return { base: { image: `${base}:1` }, output: { repository }, ...motd('first'), ...parts };
}

export function motd(content: string): { files: object[] } {
  return { files: [{ path: '/etc/motd', content: `${content}\n` }] };
}

export function run(...steps: string[]): { containerfile: { inline: string } } {
  return { containerfile: { inline: steps.map(step => `RUN ${step}\n`).join('') } };
}

/** For a regular expression. */
export function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
