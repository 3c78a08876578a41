/** The part of the chain that belongs to one object: what comes of it, and what that comes from. Pure. */
import type { Chain } from './chain.ts';
import type { Subject } from './subject.ts';

interface Names {
  sources: Set<string>;
  definitions: Set<string>;
  pools: Set<string>;
}

export function partOf(chain: Chain, subject: Subject): Chain {
  const names = startOf(chain, subject);
  addForward(chain, names);
  // After that: other pools of the same definition are not meant.
  addBackward(chain, names);
  const { kind, name } = subject;
  const addons = new Set(kind === 'SystemAddon' ? [name] : named(chain.pools, names.pools).flatMap(namedAddons));
  return {
    ...chain,
    sources: named(chain.sources, names.sources),
    definitions: named(chain.definitions, names.definitions),
    builds: chain.builds.filter(b =>
      kind === 'ImageBuild' ? b.metadata.name === name : names.definitions.has(b.spec.definitionRef.name),
    ),
    pools: named(chain.pools, names.pools),
    ...(chain.addons ? { addons: chain.addons.filter(a => addons.has(a.metadata.name)) } : {}),
    ...(kind === 'TrustPolicy' && chain.policies ? { policies: chain.policies.filter(p => p.metadata.name === name) } : {}),
    targets: chain.targets.filter(t => (kind === 'Node' ? t.metadata.name === name : names.pools.has(t.spec.poolRef.name))),
  };
}

function startOf({ targets, builds }: Chain, { kind, name }: Subject): Names {
  const of = (wanted: Subject['kind']): string[] => (kind === wanted ? [name] : []);
  const target = kind === 'Node' ? targets.find(t => t.metadata.name === name) : undefined;
  const build = kind === 'ImageBuild' ? builds.find(b => b.metadata.name === name) : undefined;
  return {
    sources: new Set(of('SystemSource')),
    definitions: new Set([...of('SystemDefinition'), ...(build ? [build.spec.definitionRef.name] : [])]),
    pools: new Set([...of('SystemPool'), ...(target ? [target.spec.poolRef.name] : [])]),
  };
}

function addForward(chain: Chain, { sources, definitions, pools }: Names): void {
  for (const { metadata, spec } of chain.definitions) if (sources.has(spec.sourceRef?.name ?? '')) definitions.add(metadata.name);
  for (const { metadata, spec } of chain.pools)
    if (definitions.has(spec.system.definitionRef?.name ?? '')) pools.add(metadata.name);
}

function addBackward(chain: Chain, { sources, definitions, pools }: Names): void {
  for (const { spec } of named(chain.pools, pools)) add(definitions, spec.system.definitionRef?.name);
  const bases = new Map(chain.definitions.map(d => [d.metadata.name, d.spec.base.definitionRef?.name]));
  // A set tells of what is added while it is walked through: what a base is based on as well.
  for (const name of definitions) add(definitions, bases.get(name));
  for (const { spec } of named(chain.definitions, definitions)) add(sources, spec.sourceRef?.name);
}

/** Everything that nodes of the pool are to run, or wait for. */
function namedAddons({ status }: Chain['pools'][number]): string[] {
  const { entries = [], sets = [], problems = [] } = status?.addons ?? {};
  return [
    ...entries.map(of => of.addon),
    ...sets.flatMap(set => set.addons.map(of => of.name)),
    ...problems.flatMap(of => of.addons ?? []),
  ];
}

function add(names: Set<string>, name: string | undefined): void {
  if (name !== undefined) names.add(name);
}

function named<T extends { metadata: { name: string } }>(objects: readonly T[], wanted: ReadonlySet<string>): T[] {
  return objects.filter(o => wanted.has(o.metadata.name));
}
