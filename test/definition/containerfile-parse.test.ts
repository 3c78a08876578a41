/** What the parser reads, beside what buildah's own makes of the same text (openshift/imagebuilder, dockerfile/parser). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkContainerfile } from '../../controller/definition/containerfile-check.ts';
import { parseContainerfile } from '../../controller/definition/containerfile-parse.ts';
import { directiveOf, writeInstructions } from '../../controller/definition/containerfile-text.ts';
import { expand, jsonForm, quotedWords, takeFlags } from '../../controller/definition/containerfile-words.ts';

/** `line keyword flags rest` of each instruction, JSON form and here-documents after it. */
const read = (text: string): string[] => {
  const { instructions, problems } = parseContainerfile(text);
  assert.deepEqual(problems, []);
  return instructions.map(({ line, keyword, flags, rest, json, documents }) =>
    [
      `${line} ${[keyword, ...flags, rest].join(' ')}`,
      ...(json ? [JSON.stringify(json)] : []),
      ...documents.map(d => d.content),
    ].join('|'),
  );
};

const texts: Record<string, [text: string, expected: string[]]> = {
  'an instruction a line, in any case': ['RUN a\nrun b\n  Env A=1', ['1 RUN a', '2 RUN b', '3 ENV A=1']],
  'CRLF and a byte order mark': ['\ufeffRUN a\r\nRUN b \\\r\n c\r\n', ['1 RUN a', '2 RUN b  c']],
  'comments and empty lines': ['# a\n\n   # b\nRUN a # b\n', ['4 RUN a # b']],
  'a line that goes on': ['RUN a \\\n  b \\  \n c', ['1 RUN a   b  c']],
  'comments and empty lines in between': ['RUN a \\\n# x\n\n  # y \\\n  b\nRUN c', ['1 RUN a   b', '6 RUN c']],
  'a line that goes on at the end': ['RUN a \\', ['1 RUN a']],
  'what goes on may begin with a keyword': ['RUN echo \\\n  FROM x', ['1 RUN echo   FROM x']],
  'another escape character': ['# escape=`\nRUN a \\\nRUN b `\n c', ['2 RUN a \\', '3 RUN b  c']],
  'an escape character too late': ['#\n# escape=`\nRUN b `\nRUN c', ['3 RUN b `', '4 RUN c']],
  'a directive of buildkit, which is a comment here': ['# syntax=docker/dockerfile:1\n# escape=`\nRUN b `', ['3 RUN b `']],
  'the JSON form': ['RUN ["a", "b\\n"]\nCMD [ ]\nRUN [a]', ['1 RUN ["a", "b\\n"]|["a","b\\n"]', '2 CMD [ ]|[]', '3 RUN [a]']],
  flags: ['RUN --mount=type=bind --network="none" -- a --b', ['1 RUN --mount=type=bind --network=none a --b']],
  'a here-document': ['RUN <<EOF\nFROM x\n# y\nEOF\nRUN b', ['1 RUN <<EOF|FROM x\n# y\n', '5 RUN b']],
  'one of many names': ["RUN <<-'A b' cat\nRUN b", ["1 RUN <<-'A b' cat", '2 RUN b']],
  'two here-documents': [
    'RUN cat <<A && cat <<-"B"\n1\nA\n\t2\n\tB\nRUN b',
    ['1 RUN cat <<A && cat <<-"B"|1\n|\t2\n', '6 RUN b'],
  ],
  'what is in quotes, a shift or a here-string': [
    `RUN echo "<<EOF" '<<EOF' \\<<EOF x<<EOF <<<EOF $((1<<2)) $(( 1 << 2 ))\nRUN b`,
    [`1 RUN echo "<<EOF" '<<EOF' \\<<EOF x<<EOF <<<EOF $((1<<2)) $(( 1 << 2 ))`, '2 RUN b'],
  ],
  'quotes that do not end': ["RUN echo it's <<EOF\nRUN b", ["1 RUN echo it's <<EOF", '2 RUN b']],
  'only RUN, COPY and ADD have them': ['ENV A=<<EOF\nRUN b', ['1 ENV A=<<EOF', '2 RUN b']],
  'the JSON form has none': ['RUN ["<<EOF"]\nRUN b', ['1 RUN ["<<EOF"]|["<<EOF"]', '2 RUN b']],
};
for (const [name, [text, expected]] of Object.entries(texts)) {
  test(`reads ${name}`, () => assert.deepEqual(read(text), expected));
}

const refused: Record<string, [text: string, line: number, message: string]> = {
  'a here-document without its end': [
    'RUN a\nRUN <<EOF\n EOF',
    2,
    'the here-document "EOF" does not end: no line holds EOF alone',
  ],
  'an instruction that would go on with the next': ['RUN a \\\\\n', 1, 'the instruction ends in \\, with nothing after it'],
  'another escape character': ['# escape=x', 1, 'the escape character is \\ or `, not "x"'],
  'two escape characters': ['# escape=`\n#escape=\\', 2, 'the escape character is given twice'],
  'JSON of anything but strings': ['\nCMD [1]', 2, 'CMD: the JSON form takes strings only'],
  'nested JSON': ['CMD ["a", ["b"]]', 1, 'CMD: the JSON form takes strings only'],
  'what follows JSON': ['RUN ["a"] && b', 1, 'RUN: the text after the JSON form is ignored; take it out'],
  'a line that older buildahs drop': [
    `\nRUN ${'x'.repeat(65_536)}`,
    2,
    'the line is longer than 65535 bytes; break it with "\\"',
  ],
};
for (const [name, [text, line, message]] of Object.entries(refused)) {
  test(`refuses ${name}`, () => assert.deepEqual(parseContainerfile(text).problems, [{ line, message }]));
}

test('flags as buildah takes them', () => {
  assert.deepEqual(takeFlags(' --a="b c"d --e=\\"f  g --h'), { flags: ['--a=b cd', '--e="f'], rest: 'g --h' });
  assert.deepEqual(takeFlags('--a'), { flags: ['--a'], rest: '' });
  assert.deepEqual(takeFlags('-a'), { flags: [], rest: '-a' });
});

test('words of ENV and LABEL', () => {
  assert.deepEqual(quotedWords(`A="b c" D=e\\ f G='h\\' "i"='j k'`, '\\'), ['A="b c"', 'D=e\\ f', "G='h\\'", `"i"='j k'`]);
  assert.deepEqual(quotedWords('A=b` c', '`'), ['A=b` c']);
});

const lookup = (name: string): string | undefined => ({ A: 'a', EMPTY: '' })[name];

test('variables and quotes of a word', () => {
  const value = (word: string): unknown => expand(word, lookup).value;
  assert.equal(value('x$A${A}y'), 'xaay');
  assert.equal(value(`"$A"'$A'\\$A`), 'a$A$A');
  assert.equal(value('${EMPTY:-d}${A:+e}${EMPTY:+f}${A:-$B}'), 'dea');
  assert.equal(value('$'), '$');
  assert.equal(value('$B'), undefined);
  assert.deepEqual(expand('$B/${C#x}', lookup), { unknown: ['B', 'C'] });
  for (const word of ['"a', "'a", '${A', '${A:-b', '${}']) assert.equal(typeof expand(word, lookup).problem, 'string', word);
});

test('the JSON form is that of one array', () => {
  assert.deepEqual(jsonForm('["]", "\\""]'), { values: [']', '"'] });
  assert.equal(jsonForm('["a"'), undefined);
  assert.equal(jsonForm(`['a']`), undefined);
});

/** Text of what makes Containerfiles what they are. */
const pieces = [
  'FROM |RUN |COPY |ADD |ENV |ARG |ONBUILD |base|\n|\n|\n| |\t|\\|\\\n|`|#|# escape=`|<<EOF|<<-"E"|EOF|E|--from=',
  '--mount=type=|secret,id=x|[|]|"|\'|,|$|${|}|:-|A|=|*|[',
];
const piece = fc.constantFrom(...pieces.join('|').split('|'));
const anyText = fc.oneof(
  fc
    .array(fc.oneof({ weight: 8, arbitrary: piece }, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 60 })
    .map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

test('any text is read to its end, and every line that is named is in it', () => {
  fc.assert(
    fc.property(anyText, text => {
      const file = parseContainerfile(text);
      const checked = checkContainerfile({ file, args: { A: '1' }, secrets: new Set(['x']), context: undefined });
      const lines = text.split('\n').length;
      for (const { line, message } of [...checked.problems, ...checked.warnings, ...checked.lint]) {
        assert.ok(Number.isInteger(line) && line >= 1 && line <= lines, `${line} of ${lines}: ${message}`);
        assert.ok(message.length > 0);
      }
      const at = file.instructions.map(({ line }) => line);
      assert.deepEqual(
        at,
        at.toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 3000 },
  );
});

test('what is written says the same as what was read, without comments and here-documents', () => {
  fc.assert(
    fc.property(anyText, text => {
      const file = parseContainerfile(text);
      fc.pre(file.problems.length === 0);
      const written = directiveOf(file) + writeInstructions(file.instructions, file.escape, []);
      const again = parseContainerfile(written);
      assert.deepEqual(again.problems, []);
      assert.deepEqual(
        again.instructions.filter(({ documents }) => documents.length > 0).filter(({ keyword }) => keyword === 'RUN'),
        [],
      );
      assert.equal(again.escape, file.escape);
      assert.deepEqual(
        again.instructions.map(({ keyword }) => keyword),
        file.instructions.map(({ keyword }) => keyword),
      );
      for (const [i, { keyword, flags, rest, json, documents }] of file.instructions.entries()) {
        const now = again.instructions[i];
        assert.deepEqual(now?.flags, flags, keyword);
        if (keyword !== 'RUN' || json || !rest.includes('<<')) assert.deepEqual([now?.rest, now?.json], [rest, json]);
        else if (documents.length === 0) assert.deepEqual(now?.json, ['/bin/sh', '-c', rest]);
      }
    }),
    { numRuns: 3000 },
  );
});

const problems = (text: string): string[] =>
  checkContainerfile({ file: parseContainerfile(text), args: {}, secrets: new Set(), context: undefined }).problems.map(
    ({ message }) => message,
  );
const long = (text: string): string => text.repeat(Math.floor(2 ** 18 / text.length));
const wide = (text: string): string => `${text.repeat(Math.floor(60_000 / text.length))}x\\\n`.repeat(4);
test('values that grow without end, and variables in variables', () => {
  const [first] = problems(`ARG A=x\n${'ARG A=$A$A\n'.repeat(40)}RUN a`);
  assert.equal(first, 'ARG "A=$A$A": becomes longer than 131072 characters');
  assert.match(problems(`WORKDIR ${'${A:-'.repeat(30)}${'}'.repeat(30)}`)[0] ?? '', /: more than 20 variables in each other$/);
});

test('the worst texts are read to their end', () => {
  const texts = [
    `RUN ["${wide('\\"')}`,
    `RUN a${wide(' ')}`,
    `RUN ${wide('--a ')}`,
    `ENV A=${wide('\'"')}`,
    `COPY ${wide('[')} /a`,
    `RUN ${wide('<<A ')}`,
    `CMD ${wide('[')}`,
    long('RUN <<A\nA\n'),
    long('FROM base AS a\n'),
  ];
  for (const text of texts) {
    const file = parseContainerfile(text);
    checkContainerfile({ file, args: {}, secrets: new Set(), context: undefined });
    writeInstructions(file.instructions, file.escape, []);
  }
});
