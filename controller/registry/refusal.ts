/** What a registry says when it refuses, fit to be shown: its own codes and words, without secrets. */

/** Longer texts are cut: they go into conditions and events. */
const maxWords = 300;

/**
 * `CODE: message` of each error of an answer's body (distribution specification, "Error codes"), or '' when the body is of another form.
 * @param secrets never shown, whoever writes them
 */
export function errorWords(body: Uint8Array, secrets: readonly string[]): string {
  const found = errorsOf(Buffer.from(body).toString('utf8')).flatMap(error => {
    const code = typeof error['code'] === 'string' ? error['code'].slice(0, 64) : '';
    const message = typeof error['message'] === 'string' ? error['message'] : '';
    const detail = typeof error['detail'] === 'string' ? error['detail'] : '';
    const words = [message, detail === message ? '' : detail].filter(text => text !== '').join(' ');
    return code === '' && words === '' ? [] : [[code, words].filter(text => text !== '').join(': ')];
  });
  const text = mask([...new Set(found)].slice(0, 5).join('; '), secrets)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return text.length > maxWords ? `${text.slice(0, maxWords - 1)}…` : text;
}

/** Replaces the given secrets, and what looks like one, by `***`. */
export function mask(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of [...secrets].toSorted((a, b) => b.length - a.length)) {
    if (secret.length >= 4) masked = masked.replaceAll(secret, '***');
  }
  return masked
    .replace(/\b(bearer|basic)(\s+)[\w.~+/=-]{8,}/gi, '$1$2***')
    .replace(/\b([\w-]*(?:token|signature|secret|password|credential)[\w-]*"?\s*[=:]\s*"?)[^\s"&,;]+/gi, '$1***')
    .replace(/(\/\/)[^\s/@]+@/g, '$1***@');
}

export interface Refusal {
  reason: 'RegistryAccessDenied' | 'RegistryQuotaExceeded' | 'RegistryUnavailable' | 'RegistryRefused';
  /** Whether the same request may do better in a moment. */
  passing: boolean;
}

/**
 * What a status that nobody wanted means.
 * @param redirected another place than the registry answered: what it says about access is not the registry's word
 */
export function refusalOf(status: number, words: string, redirected: boolean): Refusal {
  if (status === 413 || status === 507) return { reason: 'RegistryQuotaExceeded', passing: false };
  if (status === 408 || status === 425 || status === 429 || status >= 500 || redirected)
    return { reason: 'RegistryUnavailable', passing: true };
  // Registries have no code for it: Harbor ("adding 1 GiB of storage resource, which ... will exceed the configured upper limit of ..."), Quay and
  // GitLab say DENIED, and the reason in words.
  const full = /\bquota\b|storage limit|storage resource\b.*\bexceed|insufficient storage|no space left/i.test(words);
  if (full) return { reason: 'RegistryQuotaExceeded', passing: false };
  if (status === 401 || status === 403) return { reason: 'RegistryAccessDenied', passing: false };
  return { reason: 'RegistryRefused', passing: false };
}

function errorsOf(text: string): Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(text);
    const errors = typeof parsed === 'object' && parsed !== null && 'errors' in parsed ? parsed.errors : undefined;
    if (!Array.isArray(errors)) return [];
    return errors.flatMap((error: unknown) => (typeof error === 'object' && error !== null ? [{ ...error }] : []));
  } catch {
    // A page of a proxy on the way; its status says enough.
    return [];
  }
}
