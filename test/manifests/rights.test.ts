/** How rights are compared with what was asked for; the comparison itself is made by a whole run of the tests (test/main.ts). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { version } from '../../controller/version.ts';
import { withoutPassing, type HeardCalls, type RecordedCall } from '../cluster/audit.ts';
import { comparedRights, compareRights, probeUserAgent } from '../tools/compare-rights.ts';
import { rightRules, rightsOf, type Right } from '../tools/rights.ts';

const role = 'ClusterRole scantling-controller';
const right: Right = { role, namespace: '', verb: 'patch', group: 'scantling.dev', resource: 'systempools/status', names: [] };
const call: RecordedCall = {
  user: 'system:serviceaccount:scantling-system:scantling-controller',
  userAgent: `scantling-controller/${version}`,
  verb: 'patch',
  group: 'scantling.dev',
  resource: 'systempools/status',
  namespace: '',
  role,
  fieldManager: 'scantling-rollout',
};
const { role: _, ...refused } = { ...call, verb: 'list', group: '', resource: 'secrets', namespace: 'scantling-system' };

const at = (which: RecordedCall, times: number[], name = 'edge', namespace = '') => ({ call: which, name, namespace, times });
const judge = (heard: HeardCalls[], rolesComeAndGo = false) => withoutPassing(heard, { rolesComeAndGo });

describe('rights and calls', () => {
  test('agree where each right is used and each call was allowed', () => {
    assert.deepEqual(compareRights([right], [call]), []);
  });
  test('differ by a right that nothing uses: another role, verb or resource allowed what was asked', () => {
    const unused = ['never used: ClusterRole scantling-controller: patch systempools/status.scantling.dev'];
    for (const other of [{ role: 'ClusterRole system:basic-user' }, { verb: 'update' }, { resource: 'systempools' }]) {
      assert.deepEqual(compareRights([right], [{ ...call, ...other }]), unused);
    }
    assert.deepEqual(compareRights([right], [{ ...call, user: 'system:serviceaccount:default:somebody' }]), unused);
  });
  test('differ by a call that nothing allows, and by Secrets that are asked for together', () => {
    assert.deepEqual(compareRights([right], [call, refused, refused]), [
      `missing: scantling-controller asked to list secrets in scantling-system (scantling-controller/${version})`,
      `Secrets are only ever asked for by name: scantling-controller asked to list secrets in scantling-system (scantling-controller/${version})`,
    ]);
  });
  test('differ by a write under a field manager that is not of the writer', () => {
    const { fieldManager: __, ...unnamed } = call;
    const says = `: scantling-controller asked to patch systempools/status.scantling.dev (${call.userAgent})`;
    assert.deepEqual(compareRights([right], [unnamed]), [`written as nobody${says}`]);
    assert.deepEqual(compareRights([right], [{ ...call, fieldManager: 'scantling-agent' }]), [
      `written as scantling-agent${says}`,
    ]);
  });
  test('differ by a call under an account of ours that is by no program of ours', () => {
    assert.deepEqual(compareRights([right], [call, { ...call, userAgent: 'kubectl/v1.36' }]), [
      'not by a program of ours: scantling-controller asked to patch systempools/status.scantling.dev (kubectl/v1.36)',
    ]);
  });
  test('of a second release are compared too', () => {
    const west = { ...refused, user: 'system:serviceaccount:scantling-system:west-controller' };
    assert.equal(compareRights([right], [call, west]).length, 2);
  });
  describe('do not differ by what is refused', () => {
    const { role: __, ...late } = call;
    test('only while a role is not bound yet, or no more', () => {
      assert.deepEqual(judge([at(call, [20, 30]), at(late, [10, 40]), at(refused, [10])]), [call, refused]);
      assert.deepEqual(judge([at(call, [20, 30]), at(late, [10, 25])]), [call, late]);
    });
    test('in between, where roles come and go', () => {
      assert.deepEqual(judge([at(call, [20, 30]), at(late, [10, 25])], true), [call]);
    });
    test('of the same object: a rule may allow one name, or one namespace', () => {
      for (const other of [at(late, [10], 'west'), at(late, [10], 'edge', 'other')])
        assert.deepEqual(judge([at(call, [20]), other], true), [call, late]);
    });
    test('of the same program: another release had other rights', () => {
      const older = { ...call, userAgent: 'scantling-controller/0.0.1' };
      assert.deepEqual(judge([at(older, [20]), at(late, [10])]), [older, late]);
    });
    test('to create, which is refused before there is a name', () => {
      const create = { ...call, verb: 'create' };
      const { role: ___, ...refusedCreate } = create;
      assert.deepEqual(judge([at(create, [20]), at(refusedCreate, [10], '')]), [create]);
    });
  });
  test('are also those of the self-test of the chart', async () => {
    const roles = new Set((await comparedRights()).map(({ role: name }) => name));
    assert.ok(roles.has('ClusterRole scantling-self-test') && roles.has('Role scantling-system/scantling-self-test'));
  });
  test('are not compared by what a test tries on purpose, nor for the roles of people', () => {
    const tried = { ...refused, userAgent: probeUserAgent };
    assert.deepEqual(compareRights([right, { ...right, role: 'ClusterRole scantling-admin' }], [call, tried]), []);
  });
  test('are not compared by what another release asks, which has rights of its own', () => {
    assert.deepEqual(compareRights([right], [call, { ...refused, userAgent: 'scantling-controller/0.0.1' }]), []);
  });
});

test('every right is named once, with what it is for, and none has a wildcard', () => {
  const rules = rightRules();
  const names = rightsOf(rules).map(({ role, verb, group, resource }) => `${role}: ${verb} ${group}/${resource}`);
  assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  assert.doesNotMatch(names.join('\n'), /\*|escalate|bind|impersonate|deletecollection/);
  for (const { reason, role } of rules) assert.ok(reason.length > 10, role);
});
