import { TransientError, WaitingError, messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { certificateSecrets, emptyConfiguration, parseRegistries } from './configuration.ts';
import type { Certificates, RegistriesConfiguration } from './configuration.ts';

/** Where the configuration and its certificates come from. Both throw when they cannot be read, which is not the same as absent. */
export interface ConfigurationReader {
  /** The text of `registries.yaml`, undefined when there is none. */
  text(): Promise<string | undefined>;
  /** What is in a Secret, undefined when there is no such Secret. */
  certificates(secretName: string): Promise<Certificates | undefined>;
}

/** Read again at use when it is older: a corrected mirror or a renewed certificate counts within this time. */
const refreshMs = 30_000;

/** Keeps the configuration up to date while it is used. What cannot be read or is wrong leaves the last good one in use. */
export class RegistriesLoader {
  readonly #reader: ConfigurationReader;
  readonly #log: Log;
  readonly #now: () => number;
  #good: { configuration: RegistriesConfiguration; source: string } | undefined;
  #checkedAt = -Infinity;
  #failure: unknown;
  #refreshing: Promise<void> | undefined;

  constructor(options: { reader: ConfigurationReader; log: Log; now: () => number }) {
    this.#reader = options.reader;
    this.#log = options.log;
    this.#now = options.now;
  }

  /**
   * The configuration to use now.
   * @throws WaitingError `InvalidRegistries`, or what reading threw, as long as there never was a good one: without its mirrors and certificates
   * a registry must not be asked
   */
  async current(): Promise<RegistriesConfiguration> {
    const patienceMs = this.#good ? refreshMs : 1_000;
    if (this.#now() - this.#checkedAt >= patienceMs) await (this.#refreshing ??= this.#refresh());
    if (!this.#good) throw this.#unusable();
    return this.#good.configuration;
  }

  /** The Secrets that the configuration in use has its certificates from. */
  secretNames(): string[] {
    const entries = this.#good?.configuration.registries ?? [];
    const names = entries.flatMap(entry => [entry.certSecret, ...entry.mirrors.map(mirror => mirror.certSecret)]);
    return [...new Set(names.flatMap(name => name ?? []))].toSorted();
  }

  async #refresh(): Promise<void> {
    try {
      const text = (await this.#reader.text()) ?? '';
      const certificates = new Map<string, Certificates | undefined>();
      for (const name of certificateSecrets(text)) certificates.set(name, await this.#reader.certificates(name));
      const source = JSON.stringify([text, ...certificates]);
      // The same object while nothing changes: connections and rules hang on it.
      if (this.#good?.source === source) return;
      const configuration = text === '' ? emptyConfiguration : parseRegistries(text, name => certificates.get(name));
      if (text !== '' || this.#good) this.#log.info({ registries: configuration.registries.length }, 'registries.yaml read');
      this.#good = { configuration, source };
    } catch (error) {
      this.#failure = error;
      metrics.registriesConfigErrors.inc();
      this.#log.warn(
        { error, kept: this.#good !== undefined },
        'registries.yaml cannot be used, so the last good one stays in use',
      );
    } finally {
      this.#checkedAt = this.#now();
      this.#refreshing = undefined;
    }
  }

  #unusable(): Error {
    const error = this.#failure;
    if (error instanceof TransientError) return error;
    return new WaitingError('InvalidRegistries', messageOf(error), refreshMs, { cause: error });
  }
}
