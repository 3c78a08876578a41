import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeFile } from '../../controller/source/document.ts';
import { FieldLines } from '../../controller/source/field-lines.ts';
import { parseYaml } from '../../controller/source/yaml-document.ts';

const good = `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata:
  name: edge
  labels: { team: a }
spec:
  base: { image: quay.io/fedora/fedora-bootc:42 }
  output: { repository: registry.example.com/os/edge }
`;

function decode(text: string, known = false): { names: string[]; failures: string[]; refused: number } {
  const { documents, failures, refused } = decodeFile('systems/edge.yaml', Buffer.from(text), known);
  return {
    names: documents.map(d => `${d.kind}/${d.name}`),
    failures: failures.map(f => `${f.file}:${f.line ?? ''}: ${f.message}`),
    refused,
  };
}

/** The document with spec lines added below line 8. */
const withSpec = (...lines: string[]): string => good + lines.map(l => `  ${l}\n`).join('');

describe('decodeFile', () => {
  it('reads the documents of our group and leaves other YAML alone', () => {
    const pool = good
      .replace('SystemDefinition', 'SystemPool')
      .replace(/spec:[^]*/, 'spec:\n  nodeSelector: { matchLabels: { a: b } }\n  system: { definitionRef: { name: edge } }\n');
    const text = `apiVersion: v1\nkind: ConfigMap\ndata: { x: 'scantling.dev/v1' }\n---\n${good}---\n# nothing\n---\n${pool}`;
    assert.deepEqual(decode(text), { names: ['SystemDefinition/edge', 'SystemPool/edge'], failures: [], refused: 0 });
    const [first, second] = decodeFile('x.yaml', Buffer.from(text), false).documents;
    assert.deepEqual([first?.index, first?.line, second?.index], [1, 5, 3]);
    assert.deepEqual(first?.labels, { team: 'a' });
    assert.deepEqual(decode('- just\n- a list\n'), { names: [], failures: [], refused: 0 });
    assert.deepEqual(decode('{{ not yaml'), { names: [], failures: [], refused: 0 });
    assert.deepEqual(decode('apiVersion: apps/v1\nkind: SystemDefinition\n', true), { names: [], failures: [], refused: 0 });
  });

  it('misses the apiVersion of a kind of ours', () => {
    const failures = ['systems/edge.yaml:10: apiVersion is missing; a SystemPool has scantling.dev/v1alpha1'];
    assert.deepEqual(decode(`${good}---\nkind: SystemPool\n`), { names: ['SystemDefinition/edge'], failures, refused: 1 });
  });

  it('takes a file that held ours for broken when it cannot be read any more', () => {
    assert.deepEqual(decode('{{ not yaml', false).refused, 0);
    assert.deepEqual(decode('{{ not yaml', true).refused, 1);
  });

  const table: Record<string, [text: string, ...messages: string[]]> = {
    syntax: [
      good.replace('  name: edge', '  name: [edge'),
      '5: YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    'duplicate key': [withSpec('base: { image: a.io/b }'), '9: the key "base" is given twice'],
    'duplicate key inside': [withSpec('labels:', '  x: a', '  x: b'), '11: the key "x" is given twice'],
    'unknown field': [
      withSpec('kernelArgument: [quiet]'),
      '9: spec: unknown field "kernelArgument"; did you mean "kernelArguments"?',
    ],
    'unknown field inside': [
      withSpec('files:', '- path: /etc/motd', '  contents: x'),
      '11: spec.files[0]: unknown field "contents"; did you mean "content"?',
    ],
    'unknown field at the top': [`${good}extra: 1\n`, '9: unknown field "extra"'],
    'wrong type': [withSpec('files: /etc/motd'), '9: spec.files: must be a list, is "/etc/motd"'],
    'a number for a string': [
      withSpec('kernelArguments: [0644]'),
      '9: spec.kernelArguments[0]: must be a string, is 644 (a number); put it in quotes',
    ],
    'a string for a number': [
      withSpec('users: [{ name: core, uid: "1000" }]'),
      '9: spec.users[0].uid: must be a whole number, is "1000"',
    ],
    'a word for a boolean': [withSpec('build: { suspend: yes }'), '9: spec.build.suspend: must be true or false, is "yes"'],
    'an object for a string': [withSpec('labels: { x: { y: z } }'), '9: spec.labels.x: must be a string, is an object'],
    'an empty value': [withSpec('units:', '- name:'), '10: spec.units[0].name: must be a string, is empty'],
    enum: [
      withSpec('packages: { manager: yum, install: [vim] }'),
      '9: spec.packages.manager: must be one of "dnf", "apt", "zypper", is "yum"',
    ],
    pattern: [
      good.replace('name: edge', 'name: Edge'),
      '4: metadata.name: must hold only lower-case letters, digits, "-" and ".", and begin and end with a letter or digit, as edge-1; is "Edge"',
    ],
    'pattern of a unit': [
      withSpec('units: [{ name: hello }]'),
      '9: spec.units[0].name: must be the name of a unit with its type, as sshd.service; is "hello"',
    ],
    'pattern of an argument': [
      withSpec('kernelArguments: [console=ttyS0 quiet]'),
      '9: spec.kernelArguments[0]: must be one argument without spaces, as console=ttyS0; give each an entry of its own; is "console=ttyS0 quiet"',
    ],
    'a pattern that is no rule of the API server': [
      withSpec('users: [{ name: core, sshAuthorizedKeys: ["ssh-ed25519 é"] }]'),
      '9: spec.users[0].sshAuthorizedKeys[0]: must be one line of ASCII, as ssh-ed25519 AAAA... me@example.com; is "ssh-ed25519 é"',
    ],
    required: [good.replace(/ {2}output.*\n/, ''), '7: spec: required field "output" is missing'],
    'required name': [good.replace('name: edge', 'annotations: {}'), '4: metadata: required field "name" is missing'],
    'required spec': [good.replace(/spec:[^]*/, ''), '1: required field "spec" is missing'],
    'too small': [withSpec('users: [{ name: core, uid: 0 }]'), '9: spec.users[0].uid: must be at least 1, is 0'],
    'too large': [withSpec('users: [{ name: core, uid: 65534 }]'), '9: spec.users[0].uid: must be at most 65533, is 65534'],
    'too long': [
      withSpec(`users: [{ name: ${'u'.repeat(32)} }]`),
      '9: spec.users[0].name: must have at most 31 characters, has 32',
    ],
    'too short': [withSpec('trees: [{ from: "", to: /etc }]'), '9: spec.trees[0].from: must not be empty'],
    'too few': [withSpec('trees: []'), '9: spec.trees: must have at least 1 items, has 0'],
    'twice in a set': [
      withSpec('kernelArguments:', '- quiet', '- quiet'),
      '11: spec.kernelArguments[1]: "quiet" is already in spec.kernelArguments[0]',
    ],
    'twice in a keyed list': [
      withSpec('files:', '- { path: /etc/a, content: x }', '- { path: /etc/a, content: y }'),
      '11: spec.files[1]: path "/etc/a" is already in spec.files[0]',
    ],
    status: [`${good}status: {}\n`, '9: status is written by the operator; remove it'],
    namespace: [
      good.replace('  name: edge', '  name: edge\n  namespace: default'),
      '5: metadata.namespace: the kinds of Scantling have no namespace; remove it',
    ],
    finalizers: [good.replace('  name: edge', '  name: edge\n  finalizers: [a]'), '5: metadata: unknown field "finalizers"'],
    'a label that is ours': [
      good.replace('{ team: a }', '{ scantling.dev/source: other }'),
      '5: metadata.labels: scantling.dev/source is set by the source that applies the document; remove it',
    ],
    sourceRef: [
      withSpec('sourceRef: { name: other }'),
      '9: spec.sourceRef is set by the source that applies the document; remove it',
    ],
    'another version': [
      good.replace('v1alpha1', 'v2'),
      '1: apiVersion "scantling.dev/v2" is not known; use scantling.dev/v1alpha1',
    ],
    'another kind': [
      good.replace('SystemDefinition', 'NodeTarget'),
      '2: kind "NodeTarget" cannot come from a repository; documents are SystemAddon, SystemDefinition and SystemPool',
    ],
    'no kind': [
      good.replace('kind: SystemDefinition\n', ''),
      '1: kind is missing; documents are SystemAddon, SystemDefinition and SystemPool',
    ],
    'a merge key': [withSpec('build: { <<: { suspend: true } }'), '9: spec.build: unknown field "<<"'],
    'an unknown tag': [withSpec('labels: { a: !secret x }'), '9: YAML: Unresolved tag: !secret'],
    'an anchor that is not there': [withSpec('labels: *nothing'), '9: YAML: the alias *nothing has no anchor before it'],
    several: [
      withSpec('kernelArguments: [1]', 'unknown: 2'),
      '9: spec.kernelArguments[0]: must be a string, is 1 (a number); put it in quotes',
      '10: spec: unknown field "unknown"',
    ],
  };
  for (const [name, [text, ...messages]] of Object.entries(table)) {
    it(`names file and line: ${name}`, () => {
      const decoded = decode(text);
      assert.deepEqual(
        decoded.failures,
        messages.map(m => `systems/edge.yaml:${m}`),
      );
      assert.deepEqual(decoded.names, []);
      assert.equal(decoded.refused, 1);
    });
  }

  it('lets a bad document block only itself', () => {
    const other = good.replace('name: edge', 'name: other');
    const decoded = decode(`${good.replace('{ team: a }', 'x')}---\n${other}`);
    assert.deepEqual(decoded.names, ['SystemDefinition/other']);
    assert.deepEqual(decoded.failures, ['systems/edge.yaml:5: metadata.labels: must be an object, is "x"']);
  });

  it('refuses what is too large, too deep, too aliased or not UTF-8', () => {
    const large = decode(`${good}# ${'x'.repeat(1024 * 1024)}\n`).failures[0];
    assert.match(large ?? '', /^systems\/edge\.yaml:: a file of documents may have at most 1048576 bytes, this one has \d+$/);
    const deep = decode(withSpec(`labels: ${'['.repeat(20_000)}`));
    assert.equal(deep.refused, 1);
    const bomb = withSpec(
      `labels: { a: &a [x, x, x, x, x, x, x, x, x, x], b: &b [*a, *a, *a, *a, *a, *a, *a, *a], c: &c [*b, *b, *b, *b, *b, *b, *b], d: [*c, *c, *c, *c] }`,
    );
    assert.deepEqual(decode(bomb).failures, ['systems/edge.yaml:1: aliases multiply to more than 100']);
    const latin = Buffer.concat([Buffer.from(good), Buffer.from([0x23, 0xe9, 0x0a])]);
    assert.deepEqual(decodeFile('x.yaml', latin, false).failures, [{ file: 'x.yaml', message: 'is not UTF-8' }]);
  });

  // Both took minutes in which no lease was renewed, when the work grew with the square of the file.
  it('is not held up by very many aliases or keys', () => {
    const aliases = withSpec('labels:', '  a: &a x', ...Array.from({ length: 50_000 }, (_, i) => `  k${i}: *a`));
    assert.deepEqual(decode(aliases).failures, ['systems/edge.yaml:1: has 50000 aliases, more than 100']);
    const keys = withSpec('labels:', ...Array.from({ length: 60_000 }, (_, i) => `  k${i}: a`), '  k0: b');
    assert.deepEqual(decode(keys).failures, ['systems/edge.yaml:60010: the key "k0" is given twice']);
  });

  it('follows honest aliases', () => {
    const text = withSpec('labels: { a: &x value, b: *x }');
    assert.deepEqual(decodeFile('x.yaml', Buffer.from(text), false).documents[0]?.spec['labels'], { a: 'value', b: 'value' });
  });

  it('never throws, whatever a file holds', () => {
    const pieces = fc.array(
      fc.constantFrom(...good.split('\n'), '---', '- a', '  - {', '&a', '*a', '"', '\t', ': ', '[', '!!map', '? x', '|', '%YAML'),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          pieces.map(p => p.join('\n')),
        ),
        text => {
          const { documents, failures, refused } = decodeFile('f.yaml', Buffer.from(`# scantling.dev/\n${text}`), true);
          assert.equal(refused > 0, failures.length > 0);
          for (const d of documents) assert.ok(d.name.length > 0);
          for (const f of failures) assert.ok(f.line === undefined || f.line > 0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the line of a field', () => {
  const text = Buffer.from(`${good}  files:\n  - path: /etc/a\n    from: a\n    content: x\n  units:\n  - { name: a.service }\n`);
  for (const [field, line] of [
    ['spec.files[0].from', 11],
    ['spec.files[0]', 10],
    ['spec.files[0].mode', 10],
    ['spec.units[0].name', 14],
    ['spec', 6],
    ['metadata.labels[team]', 5],
    ['<nil>', 1],
    ['', 1],
  ] as const) {
    it(`finds ${field || 'the document'}`, () => assert.equal(new FieldLines().lineOf(text, 0, field), line));
  }

  it('parses a file once for all that is wrong in it, and keeps but a few files', () => {
    let parses = 0;
    const lines = new FieldLines(content => {
      parses++;
      return parseYaml(content);
    });
    const documents = Array.from({ length: 2_000 }, (_, i) => `spec:\n  files:\n  - from: f${i}\n`);
    const many = Buffer.from(documents.join('---\n'));
    for (let i = 0; i < documents.length; i++) assert.equal(lines.lineOf(many, i, 'spec.files[0].from'), 4 * i + 3);
    assert.equal(parses, 1);
    const others = [Buffer.from(text), Buffer.from(text), Buffer.from(text)];
    for (const other of others) lines.lineOf(other, 0, 'spec');
    lines.lineOf(others[2] ?? text, 0, 'spec');
    lines.lineOf(others[1] ?? text, 0, 'spec');
    assert.equal(parses, 4);
    lines.lineOf(many, 0, 'spec');
    assert.equal(parses, 5);
  });
});
