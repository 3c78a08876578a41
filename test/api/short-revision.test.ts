import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortCommit, shortRevision } from '../../controller/api/short-revision.ts';

test('a commit is cut to twelve digits, and what is none stays', () => {
  const oid = 'e13e4f15d71cfe0e93509f89fe6a79a9d9928d72';
  assert.equal(shortRevision(`main@sha1:${oid}`), 'main@sha1:e13e4f15d71c');
  assert.equal(shortRevision(`sha1:${oid}@sha1:${oid}`), `sha1:${oid}@sha1:e13e4f15d71c`);
  for (const other of ['main', '', `sha256:${oid}`, `main@sha1:${oid}0`]) assert.equal(shortRevision(other), other);
  assert.equal(shortCommit(`main@sha1:${oid}`), 'e13e4f15d71c');
  for (const none of [undefined, 'main', `main@sha1:${oid}0`]) assert.equal(shortCommit(none), undefined);
});
