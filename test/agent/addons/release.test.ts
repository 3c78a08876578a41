import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mismatchOf, parseRelease, systemdArchitecture } from '../../../controller/agent/addons/release.ts';

test('os-release is read as os-release(5) says', () => {
  const text = '# a comment\nID=debian\nVERSION_ID="12"\nNAME=\'Debian\'\nPRETTY_NAME="a \\"b\\" \\$c"\n\nnonsense\nEMPTY=\n';
  assert.deepEqual(Object.fromEntries(parseRelease(text)), {
    ID: 'debian',
    VERSION_ID: '12',
    NAME: 'Debian',
    PRETTY_NAME: 'a "b" $c',
    EMPTY: '',
  });
});

const cases: [string, string, string, boolean][] = [
  ['the same version', 'ID=debian\nVERSION_ID=12', 'ID=debian\nVERSION_ID=12', true],
  ['another version', 'ID=debian\nVERSION_ID=12', 'ID=debian\nVERSION_ID=13', false],
  ['another system', 'ID=fedora\nVERSION_ID=12', 'ID=debian\nVERSION_ID=12', false],
  ['any system', 'ID=_any', 'ID=debian\nVERSION_ID=12', true],
  ['any system, of another architecture', 'ID=_any\nARCHITECTURE=arm64', 'ID=debian', false],
  ['a system that is like it', 'ID=rhel\nVERSION_ID=9', 'ID=centos\nID_LIKE="rhel fedora"\nVERSION_ID=9', true],
  [
    'the same level, another version',
    'ID=debian\nSYSEXT_LEVEL=2\nVERSION_ID=11',
    'ID=debian\nVERSION_ID=12\nSYSEXT_LEVEL=2',
    true,
  ],
  [
    'another level, the same version',
    'ID=debian\nSYSEXT_LEVEL=1\nVERSION_ID=12',
    'ID=debian\nVERSION_ID=12\nSYSEXT_LEVEL=2',
    false,
  ],
  [
    'a level that the host has not, the same version',
    'ID=debian\nSYSEXT_LEVEL=1\nVERSION_ID=12',
    'ID=debian\nVERSION_ID=12',
    true,
  ],
  ['no version, for a host with one', 'ID=debian', 'ID=debian\nVERSION_ID=12', false],
  ['a host without a version', 'ID=arch\nVERSION_ID=1', 'ID=arch', true],
  ['no system at all', 'VERSION_ID=12', 'ID=debian\nVERSION_ID=12', false],
  ['every architecture', 'ID=debian\nVERSION_ID=12\nARCHITECTURE=_any', 'ID=debian\nVERSION_ID=12', true],
  ['another architecture', 'ID=debian\nVERSION_ID=12\nARCHITECTURE=arm64', 'ID=debian\nVERSION_ID=12', false],
];

for (const [what, extension, os, fits] of cases) {
  test(`an addon for ${what} ${fits ? 'fits' : 'does not fit'}`, () => {
    assert.equal(mismatchOf(parseRelease(extension), parseRelease(os), 'x86-64') === undefined, fits);
  });
}

test('where the architecture of the host is not known, it is not held against an addon', () => {
  assert.equal(mismatchOf(parseRelease('ID=_any\nARCHITECTURE=arm64'), parseRelease('ID=debian'), undefined), undefined);
  assert.equal(systemdArchitecture('amd64'), 'x86-64');
  assert.equal(systemdArchitecture('riscv64'), undefined);
});
