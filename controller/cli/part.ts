/** The part of the chain that belongs to one object, in both directions: pure. */
import type { Chain } from './chain.ts';
import type { Subject } from './subject.ts';

export function partOf(chain: Chain, { kind, name }: Subject): Chain {
  const names = { sources: new Set<string>(), definitions: new Set<string>(), pools: new Set<string>() };
  const target = chain.targets.find(t => t.metadata.name === name);
  if (kind === 'SystemSource') names.sources.add(name);
  if (kind === 'SystemDefinition') names.definitions.add(name);
  if (kind === 'SystemPool') names.pools.add(name);
  if (kind === 'Node' && target) names.pools.add(target.spec.poolRef.name);
  const build = kind === 'ImageBuild' ? chain.builds.find(b => b.metadata.name === name) : undefined;
  if (build) names.definitions.add(build.spec.definitionRef.name);
  for (const d of chain.definitions) if (names.sources.has(d.spec.sourceRef?.name ?? '')) names.definitions.add(d.metadata.name);
  for (const p of chain.pools) {
    const definition = p.spec.system.definitionRef?.name;
    if (definition === undefined) continue;
    if (names.definitions.has(definition)) names.pools.add(p.metadata.name);
    else if (names.pools.has(p.metadata.name)) names.definitions.add(definition);
  }
  addBases(chain, names.definitions);
  for (const d of chain.definitions)
    if (names.definitions.has(d.metadata.name) && d.spec.sourceRef) names.sources.add(d.spec.sourceRef.name);
  return {
    ...chain,
    sources: named(chain.sources, names.sources),
    definitions: named(chain.definitions, names.definitions),
    builds: chain.builds.filter(b => (build ? b === build : names.definitions.has(b.spec.definitionRef.name))),
    pools: named(chain.pools, names.pools),
    targets: chain.targets.filter(t => (kind === 'Node' ? t === target : names.pools.has(t.spec.poolRef.name))),
  };
}

/** What they are based on, and what that is based on. */
function addBases({ definitions }: Chain, names: Set<string>): void {
  const bases = new Map(definitions.map(d => [d.metadata.name, d.spec.base.definitionRef?.name]));
  // A set tells of what is added while it is walked through.
  for (const name of names) {
    const base = bases.get(name);
    if (base !== undefined) names.add(base);
  }
}

function named<T extends { metadata: { name: string } }>(objects: readonly T[], wanted: ReadonlySet<string>): T[] {
  return objects.filter(o => wanted.has(o.metadata.name));
}
