import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate } from '../../controller/trust/candidate.ts';
import type { Governing, ImageAuthority, RequiredAttestation } from '../../controller/trust/rules.ts';
import { bundle, envelope, judge, keyAuthority, newPair, reasonsOf, rulesOf, simple, statementOf } from './signed-fixture.ts';

const release = newPair();
const builder = newPair();
const stranger = newPair();
const slsa = 'https://slsa.dev/provenance/v1';
const slsa02 = 'https://slsa.dev/provenance/v0.2';
const commit = '1'.repeat(40);
const source = 'https://git.example.com/acme/os';
const authorities = [keyAuthority('release', [release]), keyAuthority('builder', [builder])];

function provenance(o: { id?: unknown; uri?: unknown; commit?: unknown } = {}): object {
  const dependency = { uri: o.uri ?? `git+${source}@refs/heads/main`, digest: { gitCommit: o.commit ?? commit } };
  return {
    buildDefinition: {
      buildType: 'https://scantling.dev/build',
      resolvedDependencies: [{ uri: 'pkg:oci/base', digest: { sha256: 'aa' } }, dependency],
    },
    runDetails: { builder: { id: o.id ?? 'https://scantling.dev/builder' } },
  };
}

function statement(predicate: object, predicateType = slsa): { statement: object } {
  return { statement: statementOf({ predicateType, predicate }) };
}

function rules(rule: Partial<RequiredAttestation>, o: Partial<Governing<ImageAuthority>> = {}): ReturnType<typeof rulesOf> {
  return rulesOf(authorities, { attestations: [{ predicateType: slsa, commit: 'Any', ...rule }], ...o });
}

/** Reasons of the attestations, beside a signature that is good. */
function reasons(
  rule: Partial<RequiredAttestation>,
  candidates: readonly Candidate[],
  known: string | undefined = commit,
): string[] {
  const judgement = judge(rules(rule), [...candidates, simple(release)], known === '' ? {} : { commit: known });
  const found = reasonsOf(judgement).slice(0, -1);
  assert.equal(judgement.decision, found.includes('Accepted') ? 'Trusted' : 'Refused', judgement.message);
  return found;
}

void describe('attestations that a policy asks for', () => {
  void test('in a bundle, and in an envelope beside the image', () => {
    for (const make of [bundle, envelope]) {
      const judgement = judge(rules({}), [simple(release), make(builder, statement(provenance()))]);
      assert.equal(judgement.decision, 'Trusted', judgement.message);
      assert.deepEqual(
        judgement.signers.map(({ authority, form, predicateType }) => [authority, form, predicateType]),
        [
          ['os/builder', 'Attestation', slsa],
          ['os/release', 'Signature', undefined],
        ],
      );
    }
  });

  void test('none, and one of another type', () => {
    const judgement = judge(rules({}), [simple(release)]);
    assert.equal(judgement.decision, 'Refused');
    assert.match(judgement.message, /asks for an attestation https:\/\/slsa.dev\/provenance\/v1, and there is none that counts/);
    assert.deepEqual(reasons({}, [bundle(builder, statement({}, 'https://spdx.dev/Document'))]), ['NotASignature']);
  });

  void test('one is no signature', () => {
    assert.equal(judge(rules({}), [bundle(release, statement(provenance()))]).decision, 'Refused');
  });

  void test('by whom it has to be', () => {
    assert.deepEqual(reasons({}, [bundle(stranger, statement(provenance()))]), ['UnknownKey']);
    assert.deepEqual(reasons({ authorities: ['builder'] }, [bundle(release, statement(provenance()))]), ['WrongAuthority']);
    assert.deepEqual(reasons({ authorities: ['builder'] }, [bundle(builder, statement(provenance()))]), ['Accepted']);
  });

  void test('an authority of that name of another policy is another one', () => {
    const above = authorities.map(authority => ({ ...authority, policy: 'root' }));
    const judgement = judge(rules({ authorities: ['builder'] }, { authorities: above }), [
      simple(release),
      bundle(builder, statement(provenance())),
    ]);
    assert.deepEqual(reasonsOf(judgement), ['Accepted', 'WrongAuthority']);
  });

  void test('who built it', () => {
    const id = 'https://scantling.dev/builder';
    assert.deepEqual(reasons({ builder: id }, [bundle(builder, statement(provenance()))]), ['Accepted']);
    for (const wrong of [`${id}/`, `${id}-evil`, id.toUpperCase(), '', 7, null]) {
      assert.deepEqual(reasons({ builder: id }, [bundle(builder, statement(provenance({ id: wrong === null ? {} : wrong })))]), [
        'WrongBuilder',
      ]);
    }
  });

  void test('what it was built from', () => {
    for (const uri of [source, `git+${source}`, `${source}@refs/heads/main`, `git+${source}@${commit}`]) {
      assert.deepEqual(reasons({ source }, [bundle(builder, statement(provenance({ uri })))]), ['Accepted'], uri);
    }
    for (const uri of [`${source}-evil`, `${source}/x`, `git+${source}.git`, `https://git.example.com@evil.example/acme/os`, 7]) {
      assert.deepEqual(reasons({ source }, [bundle(builder, statement(provenance({ uri })))]), ['WrongSource'], String(uri));
    }
  });

  void test('from which commit', () => {
    const good = bundle(builder, statement(provenance()));
    assert.deepEqual(reasons({ commit: 'Known' }, [good]), ['Accepted']);
    assert.deepEqual(reasons({ commit: 'Known' }, [good], '2'.repeat(40)), ['WrongCommit']);
    assert.deepEqual(reasons({ commit: 'Known' }, [good], ''), ['CommitUnknown']);
    assert.deepEqual(reasons({ commit: 'Any' }, [good], '2'.repeat(40)), ['Accepted']);
  });

  void test('the commit has to be that of the source', () => {
    const predicate = {
      ...provenance({ commit: '2'.repeat(40) }),
      buildDefinition: {
        resolvedDependencies: [
          { uri: `git+${source}@main`, digest: { gitCommit: '2'.repeat(40) } },
          { uri: 'git+https://git.example.com/acme/tools', digest: { gitCommit: commit } },
        ],
      },
    };
    assert.deepEqual(reasons({ commit: 'Known', source }, [bundle(builder, statement(predicate))]), ['WrongCommit']);
  });

  void test('provenance of version 0.2', () => {
    const predicate = {
      builder: { id: 'old' },
      invocation: { configSource: { uri: `git+${source}@refs/heads/main`, digest: { sha1: commit } } },
      materials: [],
    };
    const rule = { predicateType: slsa02, builder: 'old', source, commit: 'Known' } as const;
    const judged = (known: string): string =>
      judge(rules(rule), [simple(release), bundle(builder, statement(predicate, slsa02))], { commit: known }).decision;
    assert.equal(judged(commit), 'Trusted');
    assert.equal(judged('2'.repeat(40)), 'Refused');
  });

  void test('what cannot be read of a type is not taken for fulfilled', () => {
    const rule = { predicateType: 'https://spdx.dev/Document', builder: 'x' };
    const judgement = judge(rules(rule), [simple(release), bundle(builder, statement({}, 'https://spdx.dev/Document'))]);
    assert.deepEqual(reasonsOf(judgement), ['Accepted', 'Unsupported']);
    assert.deepEqual(reasons({ builder: 'x' }, [bundle(builder, statement({ runDetails: 1 }))]), ['Malformed']);
  });

  void test('one that is good is enough, beside others that are not', () => {
    const wrong = bundle(builder, statement(provenance({ id: 'evil' })));
    const good = bundle(builder, statement(provenance()));
    for (const order of [
      [wrong, good],
      [good, wrong],
    ]) {
      assert.deepEqual(reasons({ builder: 'https://scantling.dev/builder' }, order).toSorted(), ['Accepted', 'WrongBuilder']);
    }
  });
});
