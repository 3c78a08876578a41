/** What `addon build` answers. Pure. The document's shape is described in docs/cli.md and stays. */
import type { Refusal } from '../addon/refusal-list.ts';
import type { NamedSystem } from './addon-words.ts';
import { count } from './words.ts';

export interface AddonBuild {
  kind: 'AddonBuild';
  version: 1;
  ok: boolean;
  name: string;
  /** As `linux/amd64`, or `_any`. */
  platform: string;
  os: NamedSystem;
  /** What was made; absent where it was refused. */
  made?: {
    file: string;
    /** Of the file; in a registry that of the layer. */
    digest: string;
    /** In bytes. */
    size: number;
    files: number;
    directories: number;
    links: number;
  };
  /** What the addon cannot have, the first hundred, and how many more there are. */
  refusals: readonly Refusal[];
  moreRefusals: number;
}

export function buildText({ name, os, platform, made, refusals, moreRefusals }: AddonBuild): string {
  const system = os.id === '_any' ? 'any system' : `${os.id}${os.versionId === undefined ? '' : ` ${os.versionId}`}`;
  const lines = made
    ? [
        `${made.file}: addon ${name} for ${system}, ${platform}`,
        made.digest,
        `${made.size} bytes: ${count(made.files, 'file')}, ${count(made.links, 'link')} and ${made.directories === 1 ? '1 directory' : `${made.directories} directories`}`,
        ...(made.file.endsWith(`/${name}.raw`) || made.file === `${name}.raw`
          ? []
          : [`systemd takes it only under the name ${name}.raw`]),
      ]
    : [
        `Refused: addon ${name} cannot have ${count(refusals.length + moreRefusals, 'path')}`,
        ...refusals.map(({ path, why }) => `  ${path} ${why}`),
        ...(moreRefusals > 0 ? [`  and ${moreRefusals} more`] : []),
      ];
  return `${lines.join('\n')}\n`;
}
