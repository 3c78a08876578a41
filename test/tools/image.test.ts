/** The images themselves, on a base of Debian's packages. */
import assert from 'node:assert/strict';
import { openSync, closeSync, existsSync, lstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { storedImage, withImageStorage, withoutImages } from '../cluster/image-storage.ts';
import type { Buildah } from './image-base.ts';
import { debianPackages, makeWithBuildah, releaseOf } from './image-build.ts';
import { hostArchitecture, targets, type Architecture, type Target } from './image-plan.ts';
import { runCommand } from './run-command.mjs';

/** Megabytes unpacked: what the target has today, and a tenth more. */
const mostMegabytes = { controller: 150, builder: 420 };

/** Machine types of ELF (e_machine). */
const machines: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 };

interface Inspected {
  OCIv1: {
    architecture: string;
    created: string;
    config: { User: string; Entrypoint: string[]; Labels: Record<string, string> };
  };
}

async function inspect(buildah: Buildah, name: string): Promise<Inspected['OCIv1']> {
  return (JSON.parse(await buildah('inspect', '--type', 'image', name)) as Inspected).OCIv1;
}

/** Mounts an image for as long as something is done with its root. */
async function withRoot<T>(buildah: Buildah, name: string, work: (root: string) => Promise<T> | T): Promise<T> {
  const container = (await buildah('from', '--pull-never', name)).trim();
  try {
    return await work((await buildah('mount', container)).trim());
  } finally {
    await buildah('rm', container);
  }
}

/** Runs a program of an image as its user, on a root that nothing can be written to. */
function runReadOnly(root: string, ...command: string[]): Promise<string> {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec chroot --userspec=65532:65532 "$0" "$@"';
  const env = { PATH: '/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin' };
  return runCommand('unshare', ['--mount', 'sh', '-c', script, root, ...command], { env });
}

function machineOf(program: string): number {
  const head = Buffer.alloc(20);
  const file = openSync(program, 'r');
  readSync(file, head, 0, 20, 0);
  closeSync(file);
  return head.readUInt16LE(18);
}

const has = (root: string, path: string): boolean => {
  try {
    return lstatSync(join(root, path)).isFile() || existsSync(join(root, path));
  } catch {
    return false;
  }
};

async function megabytes(root: string): Promise<number> {
  const [bytes = ''] = (await runCommand('du', ['--summarize', '--block-size=1', '--one-file-system', root])).split('\t');
  return Number(bytes) / 1e6;
}

async function make(buildah: Buildah, target: Target, architecture: Architecture, name: string): Promise<string> {
  const release = { ...(await releaseOf('https://git.example.com/scantling')), revision: 'f'.repeat(40), epoch: 1_700_000_000 };
  const request = { target, architectures: [architecture], base: debianPackages, push: false, name };
  return (await makeWithBuildah(request, release, buildah)).digest;
}

describe('the images', { skip: withoutImages(['getcap', 'unshare']) }, () => {
  for (const target of targets) {
    test(`${target}: runs on a read-only root as its own user, and is no larger than it was`, () =>
      withImageStorage(async buildah => {
        const name = await storedImage(buildah, target);
        const { architecture, config } = await inspect(buildah, name);
        assert.equal(architecture, hostArchitecture);
        assert.equal(config.User, '65532:65532');
        assert.deepEqual(config.Entrypoint, ['node', '/app/scantling.mjs']);
        const licences = { builder: 'Apache-2.0', controller: 'Apache-2.0 AND LGPL-3.0-or-later' };
        assert.equal(config.Labels['org.opencontainers.image.licenses'], licences[target]);
        assert.ok(config.Labels['org.opencontainers.image.title']);
        await withRoot(buildah, name, async root => {
          const version = await runReadOnly(root, ...config.Entrypoint, 'version', '--client');
          assert.match(version, /\d+\.\d+\.\d+/);
          await assert.rejects(runReadOnly(root, 'node', '-e', "fs.writeFileSync('/tmp/x', '')"), /EROFS/);
          const size = await megabytes(root);
          assert.ok(size <= mostMegabytes[target], `${target} has ${Math.round(size)} MB`);
        });
      }));
  }

  test('controller: has no shell and no package manager, and nsenter for the agents', () =>
    withImageStorage(async buildah => {
      await withRoot(buildah, await storedImage(buildah, 'controller'), async root => {
        for (const path of [
          'bin/sh',
          'bin/bash',
          'usr/bin/dash',
          'usr/bin/apt-get',
          'usr/bin/dpkg',
          'usr/bin/perl',
          'usr/bin/env',
        ])
          assert.ok(!has(root, path), path);
        assert.match(await runReadOnly(root, 'nsenter', '--version'), /util-linux/);
        assert.ok(has(root, 'var/lib/dpkg/status.d/libc6'), 'scanners find the packages');
        assert.ok(has(root, 'etc/os-release'), 'and the release that they are of');
      });
    }));

  test('builder: newuidmap and newgidmap have one capability each and are not setuid', () =>
    withImageStorage(async buildah => {
      await withRoot(buildah, await storedImage(buildah, 'builder'), async root => {
        for (const [program, capability] of [
          ['newuidmap', 'cap_setuid=ep'],
          ['newgidmap', 'cap_setgid=ep'],
        ] as const) {
          const path = join(root, 'usr/bin', program);
          assert.equal(lstatSync(path).mode & 0o7777, 0o755);
          assert.ok((await runCommand('getcap', [path])).trim().endsWith(` ${capability}`), program);
        }
        assert.ok(has(root, 'usr/bin/buildah'));
        assert.ok(has(root, 'etc/ssl/certs/ca-certificates.crt'));
      });
    }));

  for (const target of targets) {
    test(`${target}: two builds of one commit have one digest, and labels that name it`, () =>
      withImageStorage(async buildah => {
        const name = `scantling.test/again-${target}:1`;
        const digest = await make(buildah, target, hostArchitecture, name);
        const { created, config } = await inspect(buildah, name);
        assert.equal(created, '2023-11-14T22:13:20Z');
        assert.equal(config.Labels['org.opencontainers.image.revision'], 'f'.repeat(40));
        assert.match(config.Labels['org.opencontainers.image.base.digest'] ?? '', /^sha256:/);
        assert.equal(await make(buildah, target, hostArchitecture, name), digest);
        await buildah('rmi', '--force', name);
      }));
  }

  test('the other architecture is built without running its programs', () =>
    withImageStorage(async buildah => {
      const other = hostArchitecture === 'amd64' ? 'arm64' : 'amd64';
      const name = `scantling.test/${other}:1`;
      await make(buildah, 'controller', other, name);
      assert.equal((await inspect(buildah, name)).architecture, other);
      await withRoot(buildah, name, root => {
        for (const program of ['usr/local/bin/node', 'usr/bin/nsenter'])
          assert.equal(machineOf(join(root, program)), machines[other], program);
      });
      await buildah('rmi', '--force', name);
    }));
});
