/** The two registries of the tests as programs: distribution, without the referrers API, and go-containerregistry's, with it. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { serverBinary } from '../tools/servers.ts';

export interface RegistryProgram {
  command: string;
  args: string[];
}

/** `authentication`: the part `auth` of its configuration. */
export function distribution(o: {
  directory: string;
  port: number;
  authentication: object | undefined;
  deletion: boolean;
}): RegistryProgram {
  const configuration = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(o.directory, 'data') },
      delete: { enabled: o.deletion },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${o.port}`, secret: randomBytes(16).toString('hex') },
    ...(o.authentication ? { auth: o.authentication } : {}),
  };
  const file = join(o.directory, 'config.yml');
  writeFileSync(file, stringify(configuration));
  return { command: serverBinary('registry'), args: ['serve', file] };
}

/** Its manifests are in memory; it has no authentication of its own. */
export function referrersRegistry(o: { directory: string; port: number }): RegistryProgram {
  const args = ['-address', `127.0.0.1:${o.port}`, '-directory', join(o.directory, 'data')];
  return { command: serverBinary('referrers-registry'), args };
}
