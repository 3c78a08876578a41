/**
 * What a YAML block of the documentation claims to be, by the words after `yaml` on its fence:
 *
 * (nothing)               complete objects, each of which the API server takes as it is
 * git                     documents of a repository that a SystemSource reads
 * fragment=KIND.PATH      a part of an object, to be put at PATH, such as `fragment=SystemDefinition.spec`
 * values                  values of the chart
 * foreign                 objects among which some are of APIs that we do not have, such as Flux' or the Prometheus operator's
 * file=NAME               a file that is no object of a cluster, such as `file=kustomization.yaml`
 */
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { manifests } from '../cluster/manifests.ts';
import type { Block } from './markdown.ts';

export type Claim =
  | { is: 'objects' }
  | { is: 'git' }
  | { is: 'fragment'; kind: string; path: readonly string[] }
  | { is: 'values' }
  | { is: 'foreign' }
  | { is: 'file' };

/** Throws when the fence says something else than the above. */
export function claimOf({ info }: Block): Claim {
  if (info === '') return { is: 'objects' };
  if (info === 'git' || info === 'values' || info === 'foreign') return { is: info };
  const [, kind = '', path = ''] = /^fragment=([A-Z]\w+)((?:\.\w+)*)$/.exec(info) ?? [];
  if (kind !== '') return { is: 'fragment', kind, path: path.split('.').slice(1) };
  if (/^file=\S+$/.test(info)) return { is: 'file' };
  throw new Error(`"yaml ${info}" is no kind of block; see test/docs/yaml-blocks.ts`);
}

type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The least that makes an object of our kinds, for what a fragment does not say. */
const least: Readonly<Record<string, Tree>> = {
  SystemAddon: {
    variants: [{ source: { files: [{ path: '/usr/bin/tool', content: '' }] } }],
    output: { repository: 'registry.example.com/addons/example' },
  },
  SystemDefinition: {
    base: { image: 'registry.example.com/base:1' },
    output: { repository: 'registry.example.com/systems/example' },
  },
  SystemPool: { nodeSelector: { matchLabels: { pool: 'example' } }, system: { definitionRef: { name: 'example' } } },
  SystemSource: { url: 'https://git.example.com/systems.git', ref: { branch: 'main' } },
};

/** Objects are merged down to a depth, everything else is replaced. */
function merged(below: unknown, above: unknown, depth: number): unknown {
  if (depth === 0 || !isTree(below) || !isTree(above)) return above;
  const keys = [...new Set([...Object.keys(below), ...Object.keys(above)])];
  return Object.fromEntries(keys.map(key => [key, key in above ? merged(below[key], above[key], depth - 1) : below[key]]));
}

/** The object that a fragment is a part of. Throws when the fragment is empty, or there is nothing that it could be a part of. */
export function completed(text: string, { kind, path }: Extract<Claim, { is: 'fragment' }>): KubeObject {
  const fragment: unknown = parse(text);
  if (fragment === null || fragment === undefined) throw new Error('the fragment is empty');
  const inPlace = path.toReversed().reduce<unknown>((inner, key) => ({ [key]: inner }), fragment);
  const spec = least[kind];
  // A field of our specs is often one of several, so that what the fragment says of it takes the place of all.
  if (spec)
    return merged({ apiVersion: 'scantling.dev/v1alpha1', kind, metadata: { name: 'example' }, spec }, inPlace, 2) as KubeObject;
  const shipped = manifests().find(object => object.kind === kind);
  if (!shipped) throw new Error(`there is no ${kind} in manifests/ that the fragment could be a part of`);
  return merged(shipped, inPlace, Infinity) as KubeObject;
}

/** What a SystemSource makes of a document when it applies it: definitions say where they are from. */
export function asFromGit(object: KubeObject): KubeObject {
  if (object.kind !== 'SystemDefinition') return object;
  const sourceRef = { name: 'example', path: 'example', revision: 'main@sha1:1234567890123456789012345678901234567890' };
  return merged(object, { spec: { sourceRef } }, 2) as KubeObject;
}
