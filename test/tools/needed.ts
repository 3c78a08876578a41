/** controller/preconditions/needed.ts: what the program checks for at its start, from crds/ and from the roles of manifests/. */
import { parse } from 'yaml';
import type { KubeObject } from '../../controller/api/meta.ts';
import { fieldsOf, type NeededCrd } from '../../controller/preconditions/crd-fields.ts';
import type { NeededRole, Rule } from '../../controller/preconditions/permissions.ts';
import type { Crd } from './generate.ts';

interface Role extends KubeObject {
  rules: Rule[];
}

interface Binding extends KubeObject {
  roleRef: { kind: string; name: string };
  subjects: { kind: string; name: string }[];
}

/** The text of the file, not yet formatted. */
export function neededText(crdTexts: readonly string[], manifests: readonly KubeObject[]): string {
  const crds = crdTexts.map(text => parse(text) as Crd).map(needed);
  const roles = (account: string): string => JSON.stringify(rolesOf(account, manifests));
  return `// Generated from crds/ and manifests/ by \`npm run generate\`. Do not edit.
/* oxlint-disable max-lines */
import type { NeededCrd } from './crd-fields.ts';
import type { NeededRole } from './permissions.ts';

export const neededCrds: readonly NeededCrd[] = ${JSON.stringify(crds)};

/** Of the ServiceAccount scantling-controller, with the namespaces that manifests/ are written with. */
export const controllerRoles: readonly NeededRole[] = ${roles('scantling-controller')};

/** Of the ServiceAccount scantling-agent. */
export const agentRoles: readonly NeededRole[] = ${roles('scantling-agent')};
`;
}

function needed({ spec }: Crd): NeededCrd {
  const { kind, plural } = spec.names;
  const fields = fieldsOf(spec.versions[0]?.schema.openAPIV3Schema as Parameters<typeof fieldsOf>[0]);
  return { name: `${plural}.${spec.group}`, kind, fields };
}

/** The roles that are bound to a ServiceAccount, in the order of their bindings. */
function rolesOf(account: string, manifests: readonly KubeObject[]): NeededRole[] {
  const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding')) as Binding[];
  const bound = bindings.filter(({ subjects }) =>
    subjects.some(({ kind, name }) => kind === 'ServiceAccount' && name === account),
  );
  const roles = bound.map(({ metadata, roleRef }) => {
    const role = manifests.find(
      ({ kind, metadata: own }) =>
        kind === roleRef.kind && own.name === roleRef.name && (kind === 'ClusterRole' || own.namespace === metadata.namespace),
    ) as Role | undefined;
    if (!role) throw new Error(`${metadata.name} binds ${roleRef.kind} ${roleRef.name}, which is in no manifest`);
    return { role: `${roleRef.kind} ${roleRef.name}`, namespace: metadata.namespace ?? '', rules: role.rules };
  });
  return [...new Map(roles.map(role => [`${role.namespace} ${role.role}`, role])).values()];
}
