/** What a key may sign: its Secret says so. Whoever may write one definition may name any Secret of the operator's namespace: pure. */
import { signsAnnotation } from '../api/names.ts';
import { covers, describeScope, nameOfImage, scopeOf } from '../trust/scope.ts';

export interface SigningSecret {
  namespace: string;
  name: string;
  annotations: Readonly<Record<string, string>> | undefined;
}

/** A name of the registry, as it may stand in a command for a shell without quotes. */
const prefixForm = /^[\w.:[\]-]+(?:\/[\w.-]+)*$/;

/**
 * Why the key of that Secret signs nothing in the repository, with the command that changes it; undefined when it may. Prefixes are matched as those of
 * TrustPolicies are, by whole segments. None is the whole registry's: an empty one covers nothing.
 */
export function signingRefusal({ namespace, name, annotations }: SigningSecret, repository: string): string | undefined {
  const prefixes = prefixesOf(annotations?.[signsAnnotation]);
  const wanted = nameOfImage(repository);
  if (prefixes.some(prefix => covers(prefix, wanted))) return undefined;
  const kept = prefixes.filter(prefix => prefixForm.test(prefix));
  const may = prefixes.length === 0 ? 'nothing' : `only ${kept.map(describeScope).join(', ') || 'what no name is'}`;
  const value = [...kept, wanted].join(',');
  const overwrite = annotations?.[signsAnnotation] === undefined ? '' : ' --overwrite';
  const command = `kubectl --namespace ${namespace} annotate secret ${name}${overwrite} '${signsAnnotation}=${value}'`;
  return `Secret ${namespace}/${name} may sign ${may} (annotation ${signsAnnotation}), and not ${wanted}; to allow it: ${command}`;
}

function prefixesOf(annotation: string | undefined): string[] {
  const written = (annotation ?? '').split(/[\s,]+/).map(prefix => prefix.replace(/\/+$/, ''));
  return written.filter(prefix => prefix !== '').map(prefix => scopeOf({ prefix }));
}
