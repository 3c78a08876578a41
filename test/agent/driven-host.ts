/** A fake host with a registry behind it, and the driver that the agent uses on a real one. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBootcHost } from '../../controller/agent/bootc-host.ts';
import type { BootcHostOptions } from '../../controller/agent/bootc-host.ts';
import type { Host, Outcome, Request } from '../../controller/agent/host.ts';
import { digestOf } from '../../controller/agent/target.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { createFakeHost } from '../cluster/host/fake-host.ts';
import type { FakeHost, FakeHostOptions } from '../cluster/host/fake-host.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';

/** An image of two platforms: by its index's digest, and this platform's. */
export interface TestImage {
  image: string;
  digest: string;
  platform: string;
}

export interface Workshop {
  registry: RegistryServer;
  /** Images 1, 2 and 3. */
  images: readonly TestImage[];
  /** A host that runs the first image. */
  host(options?: Partial<FakeHostOptions>): FakeHost;
  stop(): Promise<void>;
}

export async function startWorkshop(): Promise<Workshop> {
  const registry = await startRegistry();
  const images: TestImage[] = [];
  for (const tag of ['1', '2', '3']) {
    const base = await pushBaseImage({ registry: registry.host, repository: 'os', tag });
    images.push({
      image: `${registry.host}/os@${base.digest}`,
      digest: base.digest,
      platform: base.platforms['amd64'] ?? '',
    });
  }
  const directories: string[] = [];
  return {
    registry,
    images,
    host(options = {}) {
      const directory = temporaryDirectory('fake-host');
      directories.push(directory);
      const [first] = images;
      return createFakeHost({
        directory,
        booted: { image: first?.image ?? '', digest: first?.platform ?? '', version: '1' },
        ...options,
      });
    },
    async stop() {
      await registry.stop();
      for (const directory of directories) removeDirectory(directory);
    },
  };
}

export function drive(host: FakeHost, options: Partial<BootcHostOptions> = {}): Host {
  return createBootcHost({ root: host.root, path: host.path, exec: 'nsenter', pollMs: 20, ...options });
}

/** A PATH whose systemctl finds no service manager while it is down. */
export function shaky(fake: FakeHost): { path: string; setDown: (down: boolean) => void } {
  const directory = join(fake.directory, 'shaky');
  const mark = join(directory, 'down');
  mkdirSync(directory);
  const script = `#!/bin/sh\n[ -e ${mark} ] && { echo 'Failed to connect to bus: Connection refused' >&2; exit 1; }\nPATH='${fake.path}' exec systemctl "$@"\n`;
  writeFileSync(join(directory, 'systemctl'), script, { mode: 0o755 });
  const setDown = (down: boolean): void => (down ? writeFileSync(mark, '') : rmSync(mark));
  return { path: `${directory}:${fake.path}`, setDown };
}

/** Runs one operation to its end and reads it. */
export async function perform(host: Host, request: Request): Promise<Outcome> {
  const operation = await host.start(request);
  const outcome = await operation.done;
  await operation.forget();
  return outcome;
}

export function stageRequest(image: TestImage | undefined): Request {
  const text = image?.image ?? '';
  return { kind: 'Stage', image: text, digest: digestOf(text) };
}
