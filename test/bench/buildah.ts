/** The same definition through buildah alone, for comparison: what a build job without Scantling's assembling would take. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pullContext } from '../../controller/build/context.ts';
import { renderContainerfile } from '../../controller/definition/containerfile.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { median, type Measure } from './measure.ts';

const run = promisify(execFile);

export interface BuildahOptions {
  /** What Scantling made, as `host/repository@digest`. */
  image: string;
  insecureHosts: readonly string[];
  rounds: number;
  progress: (line: string) => void;
}

/** Nothing where buildah cannot run, which is said. */
export async function measureBuildah(options: BuildahOptions): Promise<Measure[]> {
  const { image, insecureHosts, rounds, progress } = options;
  const directory = temporaryDirectory('bench-buildah');
  const storage = ['--root', join(directory, 'storage'), '--runroot', join(directory, 'run'), '--storage-driver', 'vfs'];
  const buildah = (...args: string[]) => run('buildah', [...storage, ...args], { maxBuffer: 64 * 1024 * 1024 });
  try {
    await buildah('--version');
  } catch (error) {
    progress(`no comparison: buildah cannot be run (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
    return [];
  }
  const registry = createRegistry({ insecureHosts: new Set(insecureHosts), userAgent: 'scantling-bench' });
  try {
    const repository = image.slice(0, image.indexOf('@'));
    const { annotations } = (await registry.manifest(image)).json as { annotations: Record<string, string> };
    const context = await pullContext(registry, repository, annotations['dev.scantling.context'] ?? '');
    const base = `${annotations['org.opencontainers.image.base.name']}@${annotations['org.opencontainers.image.base.digest']}`;
    const { containerfile, files } = renderContainerfile(context, base);
    const place = join(directory, 'context');
    mkdirSync(place);
    writeFileSync(join(place, 'Containerfile'), containerfile);
    for (const [name, bytes] of files) writeFileSync(join(place, name), bytes);
    const [changing = ''] = [...files.keys()].toReversed();

    const pull = await timed(() => buildah('pull', '--quiet', '--tls-verify=false', base));
    progress(`buildah pulled the base in ${pull.toFixed(1)} s`);
    const seconds: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const motd = { path: 'etc/motd', mode: 0o644, bytes: new TextEncoder().encode(`round ${round}\n`) };
      writeFileSync(join(place, changing), writeTar([motd]));
      const how = ['--isolation', 'chroot', '--format', 'oci', '--pull=never', '--layers=false', '--timestamp', '0'];
      seconds.push(
        await timed(async () => {
          await buildah('build', ...how, '--tag', 'localhost/bench', place);
          await buildah('push', '--quiet', '--tls-verify=false', 'localhost/bench', `docker://${repository}:buildah`);
        }),
      );
      progress(`buildah built and pushed in ${seconds.at(-1)?.toFixed(1)} s`);
    }
    return [
      { measure: `the same through buildah alone, base already pulled (median of ${rounds})`, value: median(seconds), unit: 's' },
      { measure: "buildah's pull of the base, which a new pod does each time", value: pull, unit: 's' },
    ];
  } finally {
    await registry.close();
    removeDirectory(directory);
  }
}

/** Seconds that it takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
