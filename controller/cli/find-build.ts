/** The ImageBuild that a person means. */
import { isAddonName } from '../api/addon-set.ts';
import { conditionOf } from '../api/conditions.ts';
import { imagebuilds, type ImageBuild } from '../api/image-build.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import { addonLabel } from '../api/names.ts';
import { type SystemDefinition, systemdefinitions } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';

/** There is nothing to show; the message says what there is instead. */
export class NoSuchBuildError extends Error {}

const maxNames = 10;

/** By its own name, or the latest build of the definition of that name, or of the one that installs the packages of an addon. Throws NoSuchBuildError. */
export async function findBuild(client: Client, name: string): Promise<ImageBuild> {
  const build = await find(client, imagebuilds, name);
  if (build) return build;
  const definition = (await find(client, systemdefinitions, name)) ?? (await ofAddon(client, name));
  return definition ? latestOf(client, definition) : unknown(client, name);
}

async function latestOf(client: Client, definition: SystemDefinition): Promise<ImageBuild> {
  const { name } = definition.metadata;
  const { latestBuild, conditions } = definition.status ?? {};
  if (latestBuild === undefined) {
    const why = conditionOf(conditions, 'Ready')?.message;
    throw new NoSuchBuildError(`SystemDefinition ${name} has asked for no build yet${why ? `: ${why}` : ''}`);
  }
  const latest = await find(client, imagebuilds, latestBuild);
  if (latest) return latest;
  throw new NoSuchBuildError(`ImageBuild ${latestBuild}, the latest of SystemDefinition ${name}, is gone`);
}

/** The definition that installs the packages of an addon; of several variants of it, a person has to say which. */
async function ofAddon(client: Client, addon: string): Promise<SystemDefinition | undefined> {
  if (!isAddonName(addon)) return undefined;
  const { items } = await client.list(systemdefinitions, { labelSelector: `${addonLabel}=${addon}` });
  if (items.length <= 1) return items[0];
  const names = items.map(({ metadata }) => metadata.name).join(', ');
  throw new NoSuchBuildError(`SystemAddon ${addon} has packages in several variants; name one of their definitions: ${names}`);
}

/** The object; undefined when the API server says definitely that it is not there. */
export async function find<T extends KubeObject>(client: Client, resource: Resource<T>, name: string): Promise<T | undefined> {
  try {
    return await client.get(resource, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Names the builds of the definition that the name seems to belong to. */
async function unknown(client: Client, name: string): Promise<never> {
  const builds = (await client.list(imagebuilds)).items;
  const definition = builds.map(b => b.spec.definitionRef.name).find(d => name.startsWith(`${d}-`));
  const known = builds
    .filter(b => definition === undefined || b.spec.definitionRef.name === definition)
    .toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))
    .map(b => b.metadata.name);
  const more = known.length > maxNames ? `, and ${known.length - maxNames} more` : '';
  const of = definition === undefined ? '' : ` of SystemDefinition ${definition}`;
  const there =
    known.length > 0 ? `; the builds${of} are ${known.slice(0, maxNames).join(', ')}${more}` : '; there are no builds';
  throw new NoSuchBuildError(`there is no ImageBuild and no SystemDefinition ${name}${there}`);
}
