/** What a person means with KIND/NAME: pure. */
import { UsageError } from '../command-line.ts';
import type { Chain } from './chain.ts';

export type SubjectKind =
  'SystemSource' | 'SystemDefinition' | 'ImageBuild' | 'SystemPool' | 'SystemAddon' | 'Node' | 'TrustPolicy';

/** There is no such object; the message says what there is. */
export class NoSuchObjectError extends Error {}

export interface Subject {
  kind: SubjectKind;
  name: string;
}

/** The words for a kind, as kubectl knows them; the first is the one that is written. */
const words: Readonly<Record<SubjectKind, readonly string[]>> = {
  SystemSource: ['source', 'ssrc', 'systemsource', 'systemsources'],
  SystemDefinition: ['definition', 'sysdef', 'systemdefinition', 'systemdefinitions'],
  ImageBuild: ['build', 'ib', 'imagebuild', 'imagebuilds'],
  SystemPool: ['pool', 'spool', 'systempool', 'systempools'],
  SystemAddon: ['addon', 'systemaddon', 'systemaddons', 'addons'],
  TrustPolicy: ['policy', 'tp', 'trustpolicy', 'trustpolicies'],
  Node: ['node', 'nt', 'no', 'nodes', 'nodetarget', 'nodetargets'],
};

/** Names of everything of a kind that is there. */
export function namesOf(chain: Chain, kind: SubjectKind): string[] {
  switch (kind) {
    case 'SystemSource':
      return named(chain.sources);
    case 'SystemDefinition':
      return named(chain.definitions);
    case 'ImageBuild':
      return named(chain.builds);
    case 'SystemPool':
      return named(chain.pools);
    case 'SystemAddon':
      return named(chain.addons ?? []);
    case 'TrustPolicy':
      return named(chain.policies ?? []);
    case 'Node':
      return [...new Set([...named(chain.targets), ...(chain.nodes ?? []).map(n => n.name)])].toSorted();
  }
}

/** KIND/NAME, or a NAME that only one object has. Throws UsageError, and NoSuchObjectError that names what there is. */
export function parseSubject(text: string, chain: Chain): Subject {
  const kinds = Object.keys(words) as SubjectKind[];
  const [word, name, ...more] = text.split('/');
  if (name === undefined) return byName(text, kinds, chain);
  // The CRDs' full names end in their group.
  const plain = (word ?? '').toLowerCase().replace(/\.scantling\.dev$/, '');
  const kind = kinds.find(k => words[k].includes(plain));
  if (!kind || name === '' || more.length > 0)
    throw new UsageError(`"${text}" is not KIND/NAME, where KIND is ${kinds.map(kindWords).join(', ')}`);
  const names = namesOf(chain, kind);
  if (names.includes(name)) return { kind, name };
  throw new NoSuchObjectError(`there is no ${kind} ${name}${names.length > 0 ? `; there are ${shorten(names)}` : ''}`);
}

function byName(name: string, kinds: readonly SubjectKind[], chain: Chain): Subject {
  const found = kinds.filter(kind => namesOf(chain, kind).includes(name));
  const [kind] = found;
  if (kind && found.length === 1) return { kind, name };
  if (!kind) {
    const asKind = kinds.find(k => words[k].includes(name.toLowerCase()));
    if (asKind) throw new UsageError(`"${name}" is a kind without a name; ${thereAre(namesOf(chain, asKind), words[asKind][0])}`);
    throw new NoSuchObjectError(`nothing is called "${name}"; give KIND/NAME, where KIND is ${kinds.map(kindWords).join(', ')}`);
  }
  throw new UsageError(`several are called "${name}": ${found.map(k => `${words[k][0]}/${name}`).join(', ')}`);
}

/** As it is written, and in short as kubectl has it. */
function kindWords(kind: SubjectKind): string {
  const [word = kind, short] = words[kind];
  return `${word} (${short})`;
}

function thereAre(names: readonly string[], word = 'KIND'): string {
  return names.length === 0 ? `there is no ${word}` : `give ${word}/NAME, where NAME is one of ${shorten(names)}`;
}

function shorten(names: readonly string[]): string {
  return names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`;
}

function named(objects: readonly { metadata: { name: string } }[]): string[] {
  return objects.map(o => o.metadata.name);
}
