/** How registries are reached, in the words of buildah's library: containers-registries.conf(5) and containers-certs.d(5). Pure. */
import type { Access, RegistriesConfiguration } from '../registry/configuration.ts';

/** The text of registries.conf. Names without a host are never guessed. */
export function registriesConf(configuration: RegistriesConfiguration, insecureHosts: ReadonlySet<string>): string {
  const known = configuration.registries.map(({ prefix, plainHTTP, mirrors }) => {
    const own = table('[[registry]]', { prefix, location: prefix, insecure: plainHTTP || insecureHosts.has(hostOf(prefix)) });
    const theirs = mirrors.map(({ location, plainHTTP: insecure, tags }) =>
      table('[[registry.mirror]]', { location, insecure, 'pull-from-mirror': tags ? 'all' : 'digest-only' }),
    );
    return [own, ...theirs].join('\n');
  });
  const configured = new Set(configuration.registries.map(({ prefix }) => prefix));
  const plain = [...insecureHosts].filter(host => !configured.has(host));
  return [
    'unqualified-search-registries = []\nshort-name-mode = "enforcing"\n',
    ...known,
    ...plain.map(location => table('[[registry]]', { prefix: location, location, insecure: true })),
  ].join('\n');
}

/** Files below certs.d, by their path: for each host its authorities, and a client certificate with its key. */
export function certificateFiles(configuration: RegistriesConfiguration): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { prefix, mirrors, ...access } of configuration.registries) {
    addFiles(files, hostOf(prefix), access);
    for (const { location, ...mirror } of mirrors) addFiles(files, hostOf(location), mirror);
  }
  return files;
}

/** A host has one directory, whatever is below it: all authorities count there, and the first client certificate. */
function addFiles(files: Map<string, string>, host: string, { ca, cert, key }: Pick<Access, 'ca' | 'cert' | 'key'>): void {
  const at = (name: string): string => `${host}/${name}`;
  const known = files.get(at('ca.crt'));
  if (ca !== undefined && !known?.includes(ca))
    files.set(at('ca.crt'), [known, ca].filter(text => text !== undefined).join('\n'));
  if (cert === undefined || key === undefined || files.has(at('client.cert'))) return;
  files.set(at('client.cert'), cert);
  files.set(at('client.key'), key);
}

function hostOf(place: string): string {
  return place.split('/')[0] ?? place;
}

/** A basic string of TOML is a string of JSON. */
function table(head: string, values: Readonly<Record<string, string | boolean>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${head}\n${lines.join('\n')}\n`;
}
