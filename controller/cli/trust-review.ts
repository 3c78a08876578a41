/** What a person is shown of a key before it counts, and the question. */
import { createInterface } from 'node:readline/promises';
import { plainText } from '../trust/plain-text.ts';
import type { KeyMaterial } from '../trust/key-material.ts';
import type { Invocation } from '../running.ts';

/** What the key is for. */
export interface Review {
  key: Pick<KeyMaterial, 'kind' | 'fingerprint' | 'identities' | 'subkeys' | 'text'> & { algorithm?: string; notAfter?: string };
  /** File or URL. */
  location: string;
  /** As `images below registry.example.com/os`. */
  scope: string;
  policy: string;
}

const kinds: Readonly<Record<KeyMaterial['kind'], string>> = {
  key: 'public key of cosign',
  openPGP: 'OpenPGP key',
  ssh: 'SSH key',
};

/** A line of what is shown of a key or a policy. */
export function line(title: string, text: string): string {
  return `${`${title}:`.padEnd(14)}${text}`;
}

/** Lines for a person; pure. */
export function reviewLines({ key, location, scope, policy }: Review): string[] {
  return [
    line('Key', plainText(location, 1024)),
    line('Kind', `${kinds[key.kind]}${key.algorithm === undefined ? '' : `, ${key.algorithm}`}`),
    ...key.identities.map(identity => line('Identity', plainText(identity, 100))),
    ...(key.kind === 'ssh' ? [line('Line', plainText(key.text.trim(), 2048))] : []),
    ...(key.notAfter === undefined ? [] : [line('Expires', key.notAfter)]),
    // After all that others wrote, whatever it looks like.
    line('May sign', scope),
    line('Policy', policy),
    ...key.subkeys.map(fingerprint => line('Subkey', spaced(fingerprint))),
    line('Fingerprint', spaced(key.fingerprint)),
  ];
}

/** OpenPGP's in groups, as people read them aloud; the rest as tools print them. */
export function spaced(fingerprint: string): string {
  return /^[0-9a-f]{40}$/.test(fingerprint) ? (fingerprint.toUpperCase().match(/.{4}/g) ?? []).join(' ') : fingerprint;
}

/** A person to ask: somebody at a terminal. */
export interface Person {
  /** True only for the word yes; anything but yes and no is asked again, the end of input is no. */
  sure(question: string): Promise<boolean>;
  close(): void;
}

/** undefined where nobody can be asked. */
export function personAt({ stdin = process.stdin, stderr, signal }: Invocation): Person | undefined {
  if (stdin.isTTY !== true) return undefined;
  const lines = createInterface({ input: stdin, output: stderr, terminal: false });
  const answers = lines[Symbol.asyncIterator]();
  return {
    async sure(question) {
      for (let tries = 0; tries < 3; tries++) {
        stderr.write(`${question} (yes/no) `);
        const { value, done } = await Promise.race([answers.next(), interrupted(signal)]);
        const answer = done === true ? 'no' : value.trim().toLowerCase();
        if (answer === 'yes') return true;
        if (answer === 'no') return false;
        stderr.write('Please say yes or no.\n');
      }
      return false;
    },
    close: () => lines.close(),
  };
}

async function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
