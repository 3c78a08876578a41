/** Images of addons, good and bad, made by mkfs.erofs: another program than the one that makes those of the product. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../tools/run-command.mjs';

export interface TestAddon {
  name: string;
  /** Digest of the raw, `sha256:…`. */
  digest: string;
  bytes: Buffer;
  services: readonly string[];
}

export interface AddonContents {
  /** Name of its extension-release file; default: its own. */
  releaseName?: string;
  /** Text of that file; default: for any system. */
  release?: string;
  /** More files, by their path. */
  files?: Readonly<Record<string, string>>;
  /** Units that the record names. */
  services?: readonly string[];
}

/** An addon with a file /usr/share/addons/NAME that says its version. */
export async function makeAddon(name: string, version: string, o: AddonContents = {}): Promise<TestAddon> {
  const directory = mkdtempSync(join(tmpdir(), 'addon-'));
  try {
    const release = o.release ?? `ID=_any\nSYSEXT_VERSION_ID=${version}\n`;
    const files: Record<string, string> = {
      [`usr/lib/extension-release.d/extension-release.${o.releaseName ?? name}`]: release,
      [`usr/share/addons/${name}`]: version,
      ...o.files,
    };
    for (const [path, text] of Object.entries(files)) {
      const full = join(directory, 'root', path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
    }
    const raw = join(directory, 'raw');
    await runCommand('mkfs.erofs', ['-T0', '--all-root', raw, join(directory, 'root')]);
    return addonOf(name, readFileSync(raw), o.services ?? []);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** An addon of these bytes, whatever they are. */
export function addonOf(name: string, bytes: Buffer, services: readonly string[] = []): TestAddon {
  return { name, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes, services };
}

/** The files of an addon with one service, which says its version in /run/NAME.started each time it starts. */
export function serviceFiles(name: string, version: string): Record<string, string> {
  return {
    [`usr/libexec/${name}`]: `#!/bin/sh\necho ${version} >>/run/${name}.started\nexec sleep infinity\n`,
    [`usr/lib/systemd/system/${name}.service`]: `[Service]\nType=exec\nExecStart=/usr/libexec/${name}\n`,
  };
}
