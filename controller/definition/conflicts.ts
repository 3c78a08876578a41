/** What a definition may not do because of the others: be based on itself through them, and push where one of them does. */
import { StallingError } from '../api/errors.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { Store } from '../kube/store.ts';
import { baseCycle } from './base-cycle.ts';
import { outputHolder, outputKey } from './output-conflict.ts';
import { type DefinitionView, ownerOf } from './projection.ts';
import type { DefinitionReason } from './reasons.ts';

type Definitions = Pick<Store<DefinitionView>, 'get' | 'byIndex'>;

/** `definitions`: all of them, with definitionIndexes. @throws StallingError `BaseCycle`, `OutputConflict` */
export function refuseConflicts(definition: SystemDefinition, definitions: Definitions): void {
  refuseCircle(definition, definitions);
  refuseForeignOutput(definition, definitions);
}

function refuseCircle({ metadata, spec }: SystemDefinition, definitions: Definitions): void {
  const own = spec.base.definitionRef?.name;
  const path = baseCycle(metadata.name, name => (name === metadata.name ? own : definitions.get(name)?.base));
  if (!path) return;
  const message = `spec.base.definitionRef: the definitions are based on each other: ${path.join(' → ')}; give one of them a base.image`;
  throw new StallingError('BaseCycle' satisfies DefinitionReason, message);
}

function refuseForeignOutput({ metadata, spec }: SystemDefinition, definitions: Definitions): void {
  const own = { name: metadata.name, createdAt: metadata.creationTimestamp ?? '', owner: ownerOf(metadata) };
  const holder = outputHolder(own, definitions.byIndex('output', outputKey(spec.output.repository)));
  if (holder === undefined) return;
  const message = `spec.output.repository: ${spec.output.repository} is the output of SystemDefinition ${holder}, which is older; choose another repository`;
  throw new StallingError('OutputConflict' satisfies DefinitionReason, message);
}
