import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TransientError, messageOf } from '../api/errors.ts';
import { certificateSecrets, emptyConfiguration, parseRegistries } from './configuration.ts';
import type { Certificates, RegistriesConfiguration } from './configuration.ts';

/**
 * The configuration from files, for programs outside the controller: `registries.yaml`, which need not exist, and a directory that has one
 * directory for each Secret with its ca.crt, tls.crt and tls.key.
 * @throws TransientError `InvalidRegistries`: both may be corrected while the program waits to be started again
 */
export async function readRegistriesFiles(files: {
  file: string | undefined;
  certificatesDirectory: string | undefined;
}): Promise<RegistriesConfiguration> {
  const text = files.file ? await readOptional(files.file) : undefined;
  if (text === undefined) return emptyConfiguration;
  try {
    const certificates = new Map<string, Certificates | undefined>();
    for (const name of certificateSecrets(text)) {
      const directory = files.certificatesDirectory;
      certificates.set(name, directory ? await readCertificates(join(directory, name)) : undefined);
    }
    return parseRegistries(text, name => certificates.get(name));
  } catch (error) {
    throw new TransientError('InvalidRegistries', messageOf(error), { cause: error });
  }
}

async function readCertificates(directory: string): Promise<Certificates | undefined> {
  const [ca, cert, key] = await Promise.all(['ca.crt', 'tls.crt', 'tls.key'].map(name => readOptional(join(directory, name))));
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
