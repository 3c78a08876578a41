/** Each folder of golden/ holds a definition, the repository it reads, and all that it renders to. UPDATE_GOLDEN=1 writes the last anew. */
import assert from 'node:assert/strict';
import { readFile, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { contextDigest } from '../../controller/build/context.ts';
import { renderContainerfile } from '../../controller/definition/containerfile.ts';
import type { Input } from '../../controller/definition/files.ts';
import { type Rendered, render } from '../../controller/definition/render.ts';
import { workloadImages } from '../../controller/definition/workloads.ts';
import { listTar, run } from './definition-fixture.ts';
import { digestsOf } from './quadlet-fixture.ts';

const golden = join(import.meta.dirname, 'golden');

for (const name of await readdir(golden)) {
  test(`golden: ${name}`, async () => {
    const spec = parse(await readFile(join(golden, name, 'definition.yaml'), 'utf8')) as SystemDefinitionSpec;
    const context = render({
      definition: name,
      spec,
      inputs: await readInputs(join(golden, name, 'repository')),
      workloadImages: digestsOf(workloadImages(spec)),
    });
    const actual = await describe(context);
    const expected = join(golden, name, 'rendered.txt');
    if (process.env['UPDATE_GOLDEN']) await writeFile(expected, actual);
    assert.equal(actual, await readFile(expected, 'utf8'));
  });
}

/** As the collector would give them, from a directory in place of a Git tree. */
async function readInputs(directory: string): Promise<Map<string, Input>> {
  const inputs = new Map<string, Input>();
  const present = await stat(directory).then(
    () => true,
    () => false, // A definition that reads nothing has no repository.
  );
  if (!present) return inputs;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(directory.length + 1);
    if (entry.isSymbolicLink()) inputs.set(path, { type: 'symlink', target: await readlink(file) });
    else {
      const executable = ((await stat(file)).mode & 0o100) !== 0;
      inputs.set(path, { type: 'file', executable, bytes: await readFile(file) });
    }
  }
  return inputs;
}

async function describe(context: Rendered): Promise<string> {
  const parts = [`context ${contextDigest(context)}\n`, `${JSON.stringify(context.plan, null, 2)}\n`];
  if (context.warnings.length > 0) parts.push(`warnings:\n${context.warnings.join('\n')}\n`);
  for (const layer of [...(context.buildContext ? [context.buildContext] : []), ...context.layers]) {
    parts.push(await listTar(layer));
    const { stdout } = await run('tar', ['-x', '-O', '-f', '-'], { stdin: layer });
    parts.push(stdout);
  }
  parts.push(renderContainerfile(context, 'registry.example/os/base@sha256:0').containerfile);
  return parts.join('\n---\n');
}
