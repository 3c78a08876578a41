/**
 * host-policy and host-policy-oldest are one program on a library whose import path has changed. Go takes no module of another path in the place of one (its go.mod must name the
 * path that it replaces), so the source is there twice; what tells them apart is only that path.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

function programOf(module: string): string {
  const source = readFileSync(new URL(`${module}/main.go`, import.meta.url), 'utf8');
  return source.slice(source.indexOf('package main'));
}

test('the program on the oldest library is the one on the newest', () => {
  const oldest = programOf('host-policy-oldest');
  assert.ok(oldest.includes('"github.com/containers/image/v5/signature"'));
  assert.equal(oldest.replaceAll('github.com/containers/image/v5/', 'go.podman.io/image/v5/'), programOf('host-policy'));
});
