/** `npm run build`: the controller and the agent as one ES module, dist/scantling.mjs, that needs Node and nothing else. */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type OutputFile, type Plugin } from 'esbuild';

const root = dirname(dirname(import.meta.dirname));
const dist = join(root, 'dist');

/**
 * client-node does not say that its modules have no side effects, so all of its generated API (which we do not use) would stay in: a
 * fifth of the bundle, and memory of every agent.
 */
const unusedClientNode: Plugin = {
  name: 'unused-client-node',
  setup(builder) {
    builder.onResolve({ filter: /.*/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      const concerned = path.startsWith('@kubernetes/client-node') || importer.includes('/@kubernetes/client-node/');
      if (!concerned || pluginData === unusedClientNode) return undefined;
      return {
        ...(await builder.resolve(path, { importer, kind, resolveDir, pluginData: unusedClientNode })),
        sideEffects: false,
      };
    });
  },
};

/**
 * The bundle, its source map and the licences in it. White space goes, because the source is kept in memory; names stay, because the stack
 * traces in a bug report must say something.
 */
async function bundle(): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['controller/main.ts'],
    outfile: join(dist, 'scantling.mjs'),
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: 'linked',
    sourcesContent: false,
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [unusedClientNode],
    legalComments: 'linked',
    // Some dependencies are CommonJS and ask for Node's own modules by `require`, which an ES module does not have.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
  });
  return outputFiles;
}

/** Puts files in place whole, so that whoever starts the bundle meanwhile has the old one or the new one. */
function install(files: readonly OutputFile[]): void {
  mkdirSync(dist, { recursive: true });
  for (const { path, contents } of files) {
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, contents);
    if (path.endsWith('.mjs')) chmodSync(temporary, 0o755);
    renameSync(temporary, path);
    console.error(`dist/${basename(path)}: ${(contents.length / 1e6).toFixed(1)} MB`);
  }
}

try {
  install(await bundle());
} catch (error) {
  // esbuild has printed what is wrong with the source, line by line; a stack of its own insides would bury that.
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exitCode = 1;
}
