import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type OsRelease, OsReleaseError, parseOsRelease } from '../../controller/addon/os-release.ts';

const fedora = `NAME="Fedora Linux"
VERSION="42 (Server Edition)"
RELEASE_TYPE=stable
ID=fedora
VERSION_ID=42
PLATFORM_ID="platform:f42"
PRETTY_NAME="Fedora Linux 42 (Server Edition)"
ANSI_COLOR="0;38;2;60;110;180"
HOME_URL="https://fedoraproject.org/"
`;

describe('os-release', () => {
  const table: Record<string, { text: string; says: OsRelease }> = {
    'of Fedora': { text: fedora, says: { id: 'fedora', idLike: [], versionId: '42' } },
    'of a system like others': {
      text: 'ID="rhel"\nID_LIKE="fedora  centos"\nVERSION_ID="10.1"\n',
      says: { id: 'rhel', idLike: ['fedora', 'centos'], versionId: '10.1' },
    },
    'of a rolling system': { text: 'ID=arch\nBUILD_ID=rolling\n', says: { id: 'arch', idLike: [] } },
    'with a level of extensions': {
      text: "ID=flatcar\nVERSION_ID=4081.2.0\nSYSEXT_LEVEL='1.0'\n",
      says: { id: 'flatcar', idLike: [], versionId: '4081.2.0', sysextLevel: '1.0' },
    },
    'that says nothing': { text: '', says: { id: 'linux', idLike: [] } },
    'with empty values, which say nothing': { text: 'ID=\nVERSION_ID=""\nID_LIKE=""\n', says: { id: 'linux', idLike: [] } },
    'where a later line wins': { text: 'ID=debian\nID=ubuntu\n', says: { id: 'ubuntu', idLike: [] } },
    'with comments and blank lines': { text: '# ID=a\n; ID=b\n\n\t \nID=c', says: { id: 'c', idLike: [] } },
    'with white space and carriage returns around': {
      text: '  ID=a \r\n\tVERSION_ID="1"\t\r\n',
      says: { id: 'a', idLike: [], versionId: '1' },
    },
    'with lines that assign nothing': { text: 'hello\nexport ID=b\nID =c\n=d\nID=a\n', says: { id: 'a', idLike: [] } },
    'with words without quotation marks in what does not matter': {
      text: 'PRETTY_NAME=My Linux 1\nID=a\n',
      says: { id: 'a', idLike: [] },
    },
    'with escaped characters': { text: 'PRETTY_NAME="a \\"b\\" \\$c \\\\"\nID=a\n', says: { id: 'a', idLike: [] } },
  };
  for (const [what, { text, says }] of Object.entries(table)) {
    test(what, () => assert.deepEqual(parseOsRelease(text), says));
  }
});

describe('what is no os-release is refused', () => {
  const table: Record<string, { text: string; says: RegExp }> = {
    'a value over several lines': { text: 'PRETTY_NAME="a\nID=evil\n"\nID=a\n', says: /^line 1: has quotation marks/ },
    'a quotation mark that is not closed': { text: "ID='a\n", says: /^line 1: has quotation marks/ },
    'a quotation mark that opens within a word': { text: "PRETTY_NAME=it's\nID=evil\nX='\n", says: /^line 1: / },
    'two quoted words': { text: 'ID="a""b"\n', says: /^line 1: / },
    'a closing quotation mark that is escaped': { text: 'PRETTY_NAME="a\\"\nID=evil\n"\n', says: /^line 1: / },
    'a continued line': { text: 'ID=a\nNAME=b\\\nID=evil\n', says: /^line 2: / },
    'a continued comment': { text: '# see \\\nID=a\n', says: /^line 1: is a comment that some continue/ },
    'text with a quotation mark that assigns nothing': { text: 'say "\nID=evil\n"\n', says: /^line 1: / },
    NUL: { text: 'ID=a\0b\n', says: /^line 1: holds a character that no text has/ },
    'a byte order mark, which hides the first line': { text: '\uFEFFID=a\n', says: /^line 1: holds a character/ },
    'a carriage return within a line': { text: 'NAME=a\rID=evil\nID=b\n', says: /^line 1: holds a carriage return/ },
    'an ID in capitals': { text: '\nID=Fedora\n', says: /^line 2: ID is not what os-release\(5\) allows/ },
    'an ID that is a path': { text: 'ID=../../etc\n', says: /^line 1: ID is not/ },
    'a version that runs something': { text: 'VERSION_ID="$(id)"\n', says: /^line 1: VERSION_ID is not/ },
    'a version with a control character': { text: 'VERSION_ID="4\u001b[2J"\n', says: /^line 1: VERSION_ID is not/ },
    'a level that is too long': { text: `SYSEXT_LEVEL=${'1'.repeat(65)}\n`, says: /^line 1: SYSEXT_LEVEL is not/ },
    'more systems that it is like than a status has room for': {
      text: `ID=x\nID_LIKE="${'fedora '.repeat(37)}"\n`,
      says: /^line 2: ID_LIKE has more than 256 characters$/,
    },
    'one of several that it is like': { text: 'ID_LIKE="fedora Cent!OS"\n', says: /^line 1: ID_LIKE is not/ },
    'one that is too large': { text: '#'.repeat(65_537), says: /^has 65537 characters/ },
  };
  for (const [what, { text, says }] of Object.entries(table)) {
    test(what, () => {
      assert.throws(
        () => parseOsRelease(text),
        error => error instanceof OsReleaseError && says.test(error.message),
      );
    });
  }
});

test('Whatever the text, it is refused or says words that can be shown', () => {
  const piece = fc.constantFrom(
    'ID=',
    'VERSION_ID=',
    '"',
    "'",
    '\\',
    '\n',
    '\r',
    'a',
    '42',
    ' ',
    '#',
    '$',
    '\0',
    '\u001b',
    'ID_LIKE=',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 5 }))), pieces => {
      try {
        const { id, idLike, versionId = '0', sysextLevel = '0' } = parseOsRelease(pieces.join(''));
        for (const word of [id, ...idLike, versionId, sysextLevel]) assert.match(word, /^[a-z0-9._-]{1,64}$/);
      } catch (error) {
        assert.ok(error instanceof OsReleaseError);
      }
    }),
  );
});

test('What is written quoted in any way is read as it was', () => {
  const value = fc.stringMatching(/^[a-z0-9._-]{1,20}$/);
  const quoting = fc.constantFrom<((text: string) => string)[]>(
    text => text,
    text => `"${text}"`,
    text => `'${text}'`,
  );
  fc.assert(
    fc.property(value, value, quoting, (id, versionId, quote) => {
      assert.deepEqual(parseOsRelease(`ID=${quote(id)}\nVERSION_ID=${quote(versionId)}\n`), { id, idLike: [], versionId });
    }),
  );
});
