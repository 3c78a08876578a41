/** A directory of its own for each test, with a key and a file for policies. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { parse } from 'yaml';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { cosignKey, type TestKey } from './trust-keys.ts';
import { run, type Ran } from './trust-run.ts';

export interface TrustDirectory {
  path: string;
  /** The file of policies; not there at first. */
  policies: string;
  key: TestKey;
  /** Of the key. */
  file: string;
  /** Writes a file; returns its path. */
  put(name: string, text: string): string;
  add(args: readonly string[], o?: Parameters<typeof run>[1]): Promise<Ran>;
  /** The first document of the file of policies. */
  stored(): TrustPolicy;
}

/** To be called where tests are declared. */
export function trustDirectory(): TrustDirectory {
  const directory: TrustDirectory = {
    path: '',
    policies: '',
    key: { text: '', fingerprint: '' },
    file: '',
    put(name, text) {
      writeFileSync(join(directory.path, name), text);
      return join(directory.path, name);
    },
    add: (args, o) => run(['trust', 'add', ...args, '--file', directory.policies], o),
    stored: () => parse(readFileSync(directory.policies, 'utf8')) as TrustPolicy,
  };
  before(async () => {
    directory.key = await cosignKey();
  });
  beforeEach(() => {
    if (directory.path) rmSync(directory.path, { recursive: true });
    directory.path = mkdtempSync(join(tmpdir(), 'scantling-trust-'));
    directory.policies = join(directory.path, 'policies.yaml');
    directory.file = directory.put('cosign.pub', directory.key.text);
  });
  after(() => rmSync(directory.path, { recursive: true }));
  return directory;
}
