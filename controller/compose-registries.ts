/** Where the controller's knowledge of registries comes from: a ConfigMap and Secrets of its own namespace. */
import { configMaps, secrets } from './api/core.ts';
import type { Client } from './kube/client.ts';
import { isNotFound } from './kube/errors.ts';
import { RegistriesLoader } from './registry/configuration-loader.ts';
import { showExpiry } from './telemetry/certificate-expiry.ts';
import type { Log } from './telemetry/log.ts';

/** Reads `registries.yaml` of a ConfigMap, and the Secrets that it names, one by one. */
export function createRegistriesLoader(o: {
  client: Pick<Client, 'get'>;
  namespace: string;
  configMap: string;
  log: Log;
  now: () => number;
}): RegistriesLoader {
  const { client, namespace, log, now } = o;
  const reader = {
    text: async () => (await present(client.get(configMaps, o.configMap, namespace)))?.data?.['registries.yaml'],
    certificates: async (name: string) => {
      const secret = await present(client.get(secrets, name, namespace));
      if (!secret) return undefined;
      const read = (key: string): string | undefined => {
        const value = secret.data?.[key];
        return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
      };
      const [ca, cert, key] = [read('ca.crt'), read('tls.crt'), read('tls.key')];
      showExpiry(`Secret/${name}`, [ca, cert]);
      return {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      };
    },
  };
  return new RegistriesLoader({ reader, log, now });
}

async function present<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
