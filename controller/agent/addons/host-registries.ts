/**
 * How the host itself reaches registries, in the words of our own client: registries.conf(5) with its drop-ins, and certs.d. So that an addon comes
 * the same way as the image that bootc pulls. Not taken over: short names, `blocked`, and prefixes with a wildcard.
 */
import { join } from 'node:path';
import type { Access, Certificates, Mirror, RegistriesConfiguration, RegistryEntry } from '../../registry/configuration.ts';
import { listHostDirectory, readHostFile } from '../host-file.ts';
import { parseTomlSubset } from './toml-subset.ts';
import type { TomlTable } from './toml-subset.ts';

/** The first that is there counts, and each file of the drop-ins after it over the ones before. */
const mainFiles = ['/etc/containers/registries.conf', '/usr/share/containers/registries.conf'];
const dropIns = '/etc/containers/registries.conf.d';
const certificateDirectories = ['/etc/containers/certs.d', '/etc/docker/certs.d'];
/** Where distributions keep the authorities that the administrator trusts. */
const bundles = ['/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/ca-bundle.pem'];

/** Throws whatever keeps one of the files from being read: without its mirrors and certificates a registry must not be asked. */
export async function readHostRegistries(root: string): Promise<RegistriesConfiguration> {
  const texts: string[] = [];
  for (const path of mainFiles) {
    const text = await readHostFile(root, path);
    if (text === undefined) continue;
    texts.push(text);
    break;
  }
  for (const name of (await listHostDirectory(root, dropIns)) ?? []) {
    if (name.endsWith('.conf')) texts.push((await readHostFile(root, join(dropIns, name))) ?? '');
  }
  return registriesOf(texts, await readCertificates(root));
}

/** PEM of all authorities that the host trusts; undefined where it has no bundle that is known. */
export async function readHostAuthorities(root: string): Promise<string | undefined> {
  for (const path of bundles) {
    const text = await readHostFile(root, path);
    if (text !== undefined && text.includes('-----BEGIN CERTIFICATE-----')) return text;
  }
  return undefined;
}

/** `certificates`: by host, with its port where it has one. Pure. */
export function registriesOf(texts: readonly string[], certificates: ReadonlyMap<string, Certificates>): RegistriesConfiguration {
  const access = (place: string, plainHTTP: boolean): Access => ({
    plainHTTP,
    ...(plainHTTP ? {} : certificates.get(place.split('/')[0] ?? '')),
  });
  const found = new Map<string, RegistryEntry>();
  for (const text of texts) for (const entry of entriesIn(parseTomlSubset(text), access)) found.set(entry.prefix, entry);
  for (const host of certificates.keys()) {
    if (!found.has(host)) found.set(host, { prefix: host, mirrors: [], ...access(host, false) });
  }
  return { registries: [...found.values()] };
}

function entriesIn(tables: readonly TomlTable[], access: (place: string, plainHTTP: boolean) => Access): RegistryEntry[] {
  const found: { entry: RegistryEntry; mirrors: Mirror[]; moved: number }[] = [];
  for (const { name, values } of tables) {
    const location = textOf(values.get('location'));
    const insecure = values.get('insecure') === true;
    if (name === 'registry') {
      const prefix = textOf(values.get('prefix')) || location;
      if (prefix === '' || prefix.startsWith('*')) continue;
      // What lies elsewhere than it is named is asked there first, as of a mirror that has the say.
      const isMoved = location !== '' && location !== prefix;
      const mirrors: Mirror[] = isMoved ? [{ location, tags: true, ...access(location, insecure) }] : [];
      found.push({ mirrors, moved: mirrors.length, entry: { prefix, mirrors, ...access(prefix, insecure && !isMoved) } });
    } else if (name === 'registry.mirror' && location !== '') {
      const owner = found.at(-1);
      const tags = values.get('pull-from-mirror') !== 'digest-only';
      // In front of where the registry itself lies.
      owner?.mirrors.splice(owner.mirrors.length - owner.moved, 0, { location, tags, ...access(location, insecure) });
    }
  }
  return found.map(({ entry }) => entry);
}

async function readCertificates(root: string): Promise<Map<string, Certificates>> {
  const found = new Map<string, Certificates>();
  for (const directory of certificateDirectories) {
    for (const host of (await listHostDirectory(root, directory)) ?? []) {
      const certificates = await readHost(root, join(directory, host));
      if (!found.has(host) && Object.keys(certificates).length > 0) found.set(host, certificates);
    }
  }
  return found;
}

async function readHost(root: string, directory: string): Promise<Certificates> {
  const names = (await listHostDirectory(root, directory)) ?? [];
  const read = async (name: string): Promise<string> => (await readHostFile(root, join(directory, name))) ?? '';
  const ca = await Promise.all(names.filter(name => name.endsWith('.crt')).map(read));
  const pair = names.find(name => name.endsWith('.cert') && names.includes(name.replace(/\.cert$/, '.key')));
  return {
    ...(ca.length === 0 ? {} : { ca: ca.join('\n') }),
    ...(pair === undefined ? {} : { cert: await read(pair), key: await read(pair.replace(/\.cert$/, '.key')) }),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
