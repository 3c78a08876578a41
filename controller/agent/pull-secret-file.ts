/** The pull Secret on the host: there while an image is staged, and readable for root alone. */
import { link, lstat, mkdir, open, readFile, readlink, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { type Secret, secrets } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import type { NodeTargetSpec } from '../api/node-target.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { authFile, isOurs, PullSecretError } from './pull-secret.ts';

/** What bootc may pull with. */
export interface HostCredentials {
  /** Puts the Secret's credentials where bootc reads them; with none, takes away what is left of ours. Rejects with PullSecretError. */
  provide(secret: NodeTargetSpec['pullSecret']): Promise<void>;
  /** Takes them away; what is not ours stays. Rejects with PullSecretError. */
  withdraw(): Promise<void>;
}

/** The first of the three places that bootc looks at; it is gone with the boot. */
const own = 'run/ostree/auth.json';
/** The other two, which a file in the first one hides. */
const others = ['etc/ostree/auth.json', 'usr/lib/ostree/auth.json'];

/** `root` is where the host's file system is seen, `namespace` that of the agents' Secrets. */
export function createHostCredentials(o: { client: Pick<Client, 'get'>; namespace: string; root: string }): HostCredentials {
  const path = join(o.root, own);
  const withdraw = async (): Promise<void> => {
    try {
      await rm(`${path}.scantling`, { force: true });
      if (!(await isTaken(path))) await rm(path, { force: true });
    } catch (error) {
      throw unwritable(`/${own} on the host could not be removed`, error);
    }
  };
  return {
    withdraw,
    async provide(wanted) {
      if (!wanted) return withdraw();
      const secret = await readPullSecret(o.client, o.namespace, wanted.name);
      const text = authFile(secret, await hiddenFile(o.root));
      try {
        if (!(await isTaken(path))) return await write(path, text);
      } catch (error) {
        throw unwritable(`/${own} on the host could not be written`, error);
      }
      const message = `/${own} on the host is not Scantling's and bootc reads no other file: remove it, or take pullSecretRef off the pool and let the host keep its own`;
      throw new PullSecretError('PullSecretBlocked', message);
    },
  };
}

/** The pull Secret from the namespace of the agents. Rejects with PullSecretError where it is not there, or may not be read. */
export async function readPullSecret(client: Pick<Client, 'get'>, namespace: string, name: string): Promise<Secret> {
  try {
    return await client.get(secrets, name, namespace);
  } catch (error) {
    if (!(error instanceof ApiError) || ![403, 404].includes(error.status)) throw error;
    const what =
      error.status === 404 ? 'is not there; the controller makes it anew within minutes' : 'may not be read by the agent';
    throw new PullSecretError('PullSecretUnavailable', `Secret ${namespace}/${name} ${what}`, { cause: error });
  }
}

/** Whether something is there that is not ours. A link is never ours: following it would change another file. */
async function isTaken(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isFile()) return true;
    return !isOurs(await readFile(path, 'utf8'));
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Written beside and then put in place whole. Where nothing was, a link is made instead of a rename: it fails where something came in between. */
async function write(path: string, text: string): Promise<void> {
  const temporary = `${path}.scantling`;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
    await rm(temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || (await isTaken(path))) throw error;
    await rename(temporary, path);
  }
}

/** What bootc would read without ours. */
async function hiddenFile(root: string): Promise<{ path: string; text: string } | undefined> {
  for (const path of others) {
    try {
      return { path: `/${path}`, text: await readFile(await onHost(root, path), 'utf8') };
    } catch (error) {
      if (isAbsent(error)) continue;
      throw new PullSecretError('PullSecretBlocked', `/${path} on the host cannot be read: ${codeOf(error)}`, { cause: error });
    }
  }
  return undefined;
}

/** Follows a link at the end of a path as the host would: an absolute one begins at the host's root, not at ours. */
async function onHost(root: string, path: string): Promise<string> {
  let at = path;
  for (let links = 0; links < 8; links++) {
    const full = join(root, at);
    if (!(await lstat(full)).isSymbolicLink()) return full;
    const to = await readlink(full);
    at = isAbsolute(to) ? to : join('/', dirname(at), to);
  }
  return join(root, at);
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error);
}

function unwritable(what: string, error: unknown): PullSecretError {
  return new PullSecretError('PullSecretUnwritable', `${what}: ${codeOf(error)}`, { cause: error });
}
