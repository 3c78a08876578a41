import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { startRegistry } from '../cluster/registry.ts';
import { clientWith } from './image-fixture.ts';

test('a copy of many pieces holds one of them in memory', async () => {
  const [from, to] = await Promise.all([startRegistry(), startRegistry()]);
  const client = clientWith({}, from.host, to.host);
  after(async () => {
    await client.close();
    await Promise.all([from.stop(), to.stop()]);
  });
  const large = Buffer.alloc(192 * 1024 * 1024, 'scantling');
  const blobDigest = await client.pushBlob(`${from.host}/large`, large);
  // In a process of its own: the proxies in front of the registries are in this one.
  const script = `
    const { clientWith } = await import(${JSON.stringify(import.meta.resolve('./image-fixture.ts'))});
    const client = clientWith({}, ${JSON.stringify(from.host)}, ${JSON.stringify(to.host)});
    await client.hasBlob('${to.host}/large', '${blobDigest}');
    const before = process.memoryUsage.rss();
    let peak = before;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    await client.copyBlob('${to.host}/large', { from: '${from.host}/large', digest: '${blobDigest}', size: ${large.length} });
    clearInterval(watch);
    console.log(peak - before);
    await client.close();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  assert.ok(Number(stdout) < 96 * 1024 * 1024, `${Math.round(Number(stdout) / 1e6)} MB`);
  assert.equal(await client.hasBlob(`${to.host}/large`, blobDigest), large.length);
});
