/** Lines with public keys of SSH, of .pub files and of allowed_signers: pure. */
import { parseAllowedSigners } from './allowed-signers.ts';
import { isKeyType } from './ssh-key.ts';

export interface SSHKey {
  /** As ssh-keygen -l prints it. */
  fingerprint: string;
  /** As `ssh-ed25519`. */
  algorithm: string;
  /** Principals, or the comment of a .pub file. */
  identities: string[];
  /** As a line of allowed_signers; a key of a .pub file may sign for Git. */
  line: string;
}

/** As ssh-keygen would not read as a pattern or a list. */
const plainPrincipal = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,252}$/;

/** The keys of a text, in order, each once by line. Other lines are left out; one with a broken key throws StallingError `InvalidKey`. */
export function sshKeysOf(text: string): SSHKey[] {
  const keys = text.split(/\r?\n/).flatMap(line => sshKeyOf(line.trim()));
  return [...new Map(keys.map(key => [key.line, key])).values()];
}

function sshKeyOf(line: string): SSHKey[] {
  if (line === '' || line.startsWith('#')) return [];
  const words = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  const at = words.findIndex(word => isKeyType(word));
  if (at === -1) return [];
  const [type = '', encoded = ''] = words.slice(at);
  const comment = words.slice(at + 2).join(' ');
  const allowed = at > 0 ? line : `${plainPrincipal.test(comment) ? comment : '*'} namespaces="git" ${type} ${encoded}`;
  // Read as it will be: what is shown is what counts.
  return parseAllowedSigners(allowed).map(({ key, principals, certAuthority }) => ({
    fingerprint: key.fingerprint,
    algorithm: key.type,
    identities: [at > 0 ? principals : comment, certAuthority ? 'signs certificates of others (cert-authority)' : ''].filter(
      Boolean,
    ),
    line: allowed,
  }));
}
