/**
 * `npm run build`: the controller, the agent and the command line as one ES module, dist/scantling.mjs, that needs Node and nothing else; and beside it
 * dist/judge-worker.mjs, the thread that judges signatures, dist/image-worker.mjs, the one that makes images of addons, and dist/list-worker.mjs, the one that lists layers, so that nobody else keeps
 * what they are made of in memory.
 */
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type OutputFile, type Plugin } from 'esbuild';
import packageJson from '../../package.json' with { type: 'json' };

const root = dirname(dirname(import.meta.dirname));
const dist = join(root, 'dist');

/**
 * client-node's configuration imports the index of its generated API for two classes. Modules that are loaded on demand are not shaken,
 * so all of that API would stay in: a third of the bundle, and memory of every agent.
 */
const clientNodeConfiguration: Plugin = {
  name: 'client-node-configuration',
  setup(builder) {
    const dist = join(root, 'node_modules/@kubernetes/client-node/dist');
    const configuration = join(dist, 'config.js');
    const namespace = 'client-node-generated';
    builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: configuration }));
    builder.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      importer === configuration ? { path: importer, namespace } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace }, () => ({
      contents: `export { createConfiguration } from './gen/configuration.js';\nexport { ServerConfiguration } from './gen/servers.js';`,
      resolveDir: dist,
    }));
  },
};

/** A module under the LGPL is no part of the bundle: it stays a file of its own beside it, which can be exchanged (docs/adr/0033-openpgp-beside-the-bundle.md). */
const besideBundle = {
  'openpgp.mjs': 'node_modules/openpgp/dist/node/openpgp.min.mjs',
  'openpgp.LICENSE.txt': 'node_modules/openpgp/LICENSE',
};

const openPGPBeside: Plugin = {
  name: 'openpgp-beside',
  setup(builder) {
    builder.onResolve({ filter: /^openpgp$/ }, ({ kind }) =>
      kind === 'dynamic-import'
        ? { path: './openpgp.mjs', external: true }
        : { errors: [{ text: 'openpgp is loaded when it is needed: import it dynamically' }] },
    );
  },
};

/** Some dependencies are CommonJS and ask for Node's own modules by `require`, which an ES module does not have. */
const requireOfBundle = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);`;

/** Before all else that runs: what comes then may fail in a Node that is too old, and would show a line of the bundle. */
function versionCheck(): string {
  const least = /^>=(\d+)$/.exec(packageJson.engines.node)?.[1];
  if (least === undefined) throw new Error(`package.json: engines.node is ${packageJson.engines.node}, not such as >=24`);
  return `if (parseInt(process.versions.node, 10) < ${least}) {
  process.stderr.write('scantling needs Node.js ${least} or newer, this is v' + process.versions.node + '\\n');
  process.exit(2);
}`;
}

/** One character beyond Latin-1, and V8 keeps the whole source with two bytes for each; esbuild leaves those in regular expressions. */
function toAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * All files, their source maps and the licences in them. White space goes, because the source is kept in memory; names stay, because the stack
 * traces in a bug report must say something.
 */
async function bundle(): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: {
      scantling: 'controller/main.ts',
      'judge-worker': 'controller/trust/judge-worker.ts',
      'image-worker': 'controller/addon/image-worker.ts',
      'list-worker': 'controller/addon/list-worker.ts',
    },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: 'linked',
    sourcesContent: false,
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [clientNodeConfiguration, openPGPBeside],
    legalComments: 'linked',
    banner: { js: `${requireOfBundle}\n${versionCheck()}` },
  });
  return outputFiles;
}

/** Puts files in place whole, so that whoever starts the bundle meanwhile has the old one or the new one. */
function install(files: readonly OutputFile[]): void {
  mkdirSync(dist, { recursive: true });
  for (const file of files) {
    const { path } = file;
    const contents = path.endsWith('.mjs') ? toAscii(file.text) : file.contents;
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, contents);
    if (path.endsWith('.mjs')) chmodSync(temporary, 0o755);
    renameSync(temporary, path);
    console.error(`dist/${basename(path)}: ${(contents.length / 1e6).toFixed(1)} MB`);
  }
}

/** As npm has them, byte for byte. */
function installBeside(): void {
  for (const [name, from] of Object.entries(besideBundle)) {
    const temporary = join(dist, `${name}.${process.pid}`);
    copyFileSync(join(root, from), temporary);
    renameSync(temporary, join(dist, name));
  }
}

try {
  install(await bundle());
  installBeside();
} catch (error) {
  // esbuild has printed what is wrong with the source, line by line; a stack of its own insides would bury that.
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exitCode = 1;
}
