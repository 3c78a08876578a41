/** Layers of bases with as many packages as real ones have. */
import { writeTar } from '../../controller/definition/tar.ts';
import { rpmdb } from '../trust/rpm-database.ts';

const layerOf = (files: Record<string, string | Uint8Array>): Uint8Array =>
  writeTar(Object.entries(files).map(([path, content]) => ({ path, mode: 0o644, bytes: Buffer.from(content) })));

/** With the status file of dpkg: 600 packages. */
export function debianLayer(): Uint8Array {
  const status = Array.from({ length: 600 }, (_, i) => stanza(i)).join('\n');
  return layerOf({ 'usr/lib/os-release': 'ID=debian\nVERSION_ID="13"\n', 'var/lib/dpkg/status': status });
}

/** With rpm's database of about 30 MB, as a desktop or a bootc base with many packages has it: 1,400 packages of 20 KB each. */
export function fedoraLayer(): Uint8Array {
  const packages = Array.from({ length: 1_400 }, (_, i) => ({
    name: `package-${i}`,
    version: `1.${i}`,
    release: '1.fc43',
    arch: 'x86_64',
    padding: 20_000,
  }));
  return layerOf({ 'usr/lib/os-release': 'ID=fedora\nVERSION_ID=43\n', 'usr/lib/sysimage/rpm/rpmdb.sqlite': rpmdb(packages) });
}

function stanza(i: number): string {
  const fields = ['Status: install ok installed', 'Architecture: amd64', `Version: 1.${i}-1`, `Description: ${'x'.repeat(500)}`];
  return [`Package: package-${i}`, ...fields, ''].join('\n');
}
