import type { FoundationProxy } from './foundation-task.ts';

/** What RUN steps need to reach package repositories, in both spellings. */
const proxyNames = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy'];

/** The environment of buildah, which hands proxy settings on to steps. Those of the task replace those of this process. */
export function buildEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  proxy: FoundationProxy | undefined,
): Record<string, string> {
  const of = proxy && { http_proxy: proxy.http, https_proxy: proxy.https, no_proxy: proxy.noProxy };
  const settings: Record<string, string | undefined> = { PATH: own['PATH'] };
  for (const name of proxyNames) {
    const upper = name.toUpperCase();
    const value: Record<string, string | undefined> = of ?? {};
    settings[name] = of ? value[name] : own[name];
    settings[upper] = of ? value[name] : own[upper];
  }
  return Object.fromEntries(Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
