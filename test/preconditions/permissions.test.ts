import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lacksOf, placed, type NeededRole, type Rule } from '../../controller/preconditions/permissions.ts';

const role: NeededRole = {
  role: 'Role scantling-controller',
  namespace: 'scantling-system',
  rules: [
    { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  ],
};
const configMaps: Rule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] };
const missing = (granted: readonly Rule[]): string[] =>
  lacksOf(role, granted).flatMap(lack => lack.missing.map(({ resource }) => resource));

test('Secrets that are restricted to names on purpose are not lacking', () => {
  assert.deepEqual(missing([...role.rules]), []);
  assert.deepEqual(
    missing([configMaps, { apiGroups: [''], resources: ['secrets'], resourceNames: ['git'], verbs: ['get'] }]),
    [],
  );
});

test('no Secret at all, another verb, and a ConfigMap by name are', () => {
  assert.deepEqual(missing([configMaps]), ['secrets']);
  assert.deepEqual(missing([configMaps, { apiGroups: [''], resources: ['secrets'], resourceNames: ['git'], verbs: ['list'] }]), [
    'secrets',
  ]);
  assert.deepEqual(missing([role.rules[0] ?? configMaps, { ...configMaps, resourceNames: ['a'] }]), ['configmaps']);
});

test('the roles of a second release are asked for by their own names', () => {
  const places = { namespace: 'operators', agentNamespace: 'scantling-agents', leaseName: 'west-controller' };
  const roles = ['ClusterRole scantling-controller', 'Role scantling-controller-events'];
  const placedRoles = placed(
    roles.map(name => ({ ...role, role: name })),
    places,
  );
  assert.deepEqual(
    placedRoles.map(({ role: name, namespace }) => `${name} in ${namespace}`),
    ['ClusterRole west-controller in operators', 'Role west-controller-events in operators'],
  );
  assert.deepEqual(placed([role], { ...places, leaseName: 'scantling-controller' })[0]?.role, role.role);
  // An agent has no Lease.
  assert.deepEqual(placed([role], { ...places, leaseName: '' })[0]?.role, role.role);
});
