import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import type { Input, Inputs } from '../../controller/definition/files.ts';

/** A spec with nothing in it but what the schema requires, and what a test adds. */
export function specOf(parts: Partial<SystemDefinitionSpec> = {}): SystemDefinitionSpec {
  return {
    base: { image: 'registry.example/os/base:42', update: 'Always', interval: '10m' },
    output: { repository: 'registry.example/os/worker' },
    build: { timeout: '30m', suspend: false, lint: 'Warn' },
    history: { successful: 5, failed: 2, prune: 'None', gracePeriod: '24h' },
    ...parts,
  };
}

/** Inputs from text, `-> target` for a symbolic link. */
export function inputsOf(files: Readonly<Record<string, string>>): Inputs {
  return new Map(
    Object.entries(files).map(([path, content]): [string, Input] => [
      path,
      content.startsWith('-> ')
        ? { type: 'symlink', target: content.slice(3) }
        : { type: 'file', executable: path.endsWith('.sh'), bytes: Buffer.from(content) },
    ]),
  );
}

/** Runs a program to its end; its standard output and error as text. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; stdin?: Uint8Array } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined); // A program that does not read its input closes it; its exit code says the rest.
  child.stdin.end(options.stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** What `tar` sees in an archive: mode, owner, size, time and name of each entry, a line each. */
export async function listTar(archive: Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await run(
    'tar',
    ['-tv', '--numeric-owner', '--full-time', '--utc', '--quoting-style=literal', '-f', '-'],
    { stdin: archive },
  );
  if (code !== 0 || stderr !== '') throw new Error(`tar ended with ${code}: ${stderr}`);
  return stdout;
}

/** A temporary directory that goes when the test ends. */
export async function temporaryDirectory(t: { after(f: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'scantling-definition-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Unpacks archives one after the other into a directory, as a container engine stacks layers. */
export async function unpack(archives: readonly Uint8Array[], directory: string): Promise<void> {
  for (const [i, archive] of archives.entries()) {
    const file = `${directory}.${i}.tar`;
    await writeFile(file, archive);
    const { code, stderr } = await run('tar', ['-x', '-f', file, '-C', directory]);
    if (code !== 0) throw new Error(`tar ended with ${code}: ${stderr}`);
  }
}
