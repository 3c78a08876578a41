/**
 * `npm run release:keep -- TAG`: puts what a tag shipped, its packed chart and its bundle, into test/releases/ for the tests of upgrades.
 * Both are made from the tag's own files with the dependencies that it locks, so that it does not matter what this checkout holds.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { helm } from '../cluster/helm.ts';
import { releasesDirectory } from '../cluster/last-release.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const root = dirname(dirname(import.meta.dirname));

/** The bundle is read by nobody, so it is worth the second that the best compression takes. */
function compress(bundle: Buffer): Buffer {
  return brotliCompressSync(bundle, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bundle.length },
  });
}

/** Throws with what git, npm or Helm said when the tag is not there or does not build. */
async function keep(tag: string): Promise<string> {
  const checkout = temporaryDirectory('release');
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: checkout, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    const archive = execFileSync('git', ['archive', '--format=tar', tag], { cwd: root, maxBuffer: 1024 ** 3 });
    execFileSync('tar', ['-x', '-C', checkout], { input: archive });
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
    run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error');
    run('npm', 'run', 'build');
    const target = join(releasesDirectory, version);
    mkdirSync(target, { recursive: true });
    await helm(['package', 'charts/scantling', '--destination', checkout], { cwd: checkout });
    writeFileSync(join(target, `scantling-${version}.tgz`), readFileSync(join(checkout, `scantling-${version}.tgz`)));
    const files = readdirSync(join(checkout, 'dist')).filter(name => name.endsWith('.mjs'));
    for (const name of files) writeFileSync(join(target, `${name}.br`), compress(readFileSync(join(checkout, 'dist', name))));
    return target;
  } finally {
    removeDirectory(checkout);
  }
}

const [tag, ...rest] = process.argv.slice(2);
if (tag === undefined || rest.length > 0) {
  console.error('usage: npm run release:keep -- TAG');
  process.exitCode = 2;
} else {
  console.log(await keep(tag));
}
