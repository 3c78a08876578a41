/** Which proxy a request goes through: the environment variables that containers' tools and Go programs know, with their meaning. */
import { BlockList, isIP } from 'node:net';

export interface ProxySettings {
  /** URL of the proxy for http and for https; '' or absent for none. May hold a name and a password. */
  http?: string;
  https?: string;
  /** Comma-separated: host names, `.suffix`, `*.suffix`, addresses, CIDR blocks, each with an optional port; `*` for all. */
  no?: string;
}

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the same in lower case. */
export function proxyFromEnvironment(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = (name: string): string => env[name] || env[name.toLowerCase()] || '';
  return { http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), no: read('NO_PROXY') };
}

/**
 * The proxy for a URL, undefined for none. The rules are those of golang.org/x/net/http/httpproxy, so that buildah and this program go the
 * same way: loopback is never proxied, a name in NO_PROXY stands for its subdomains too, one with a leading dot only for these.
 */
export function proxyFor(url: URL, settings: ProxySettings): string | undefined {
  const proxy = (url.protocol === 'https:' ? settings.https : settings.http)?.trim();
  if (!proxy) return undefined;
  const host = url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  if (host === 'localhost' || isLoopback(host)) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const rules = (settings.no ?? '').split(',').map(rule => rule.trim().toLowerCase());
  if (rules.some(rule => rule !== '' && covers(rule, host, port))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function covers(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  const family = isIP(host);
  const [block, bits] = rule.split('/');
  if (block !== undefined && bits !== undefined) {
    const of = isIP(block);
    if (of === 0 || of !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (of === 4 ? 32 : 128)) return false;
    const list = new BlockList();
    list.addSubnet(block, Number(bits), of === 4 ? 'ipv4' : 'ipv6');
    return list.check(host, of === 4 ? 'ipv4' : 'ipv6');
  }
  const parts = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(rule);
  const name = (parts ? (parts[1] ?? '') : rule).replace(/^\[|\]$/g, '').replace(/^\*(?=\.)/, '');
  if (parts?.[2] !== undefined && parts[2] !== port) return false;
  if (family !== 0) return name === host;
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
