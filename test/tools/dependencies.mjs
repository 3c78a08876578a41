/** npm's packages: installed when they are missing or not those of package-lock.json. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError, withProgress } from './progress.mjs';
import { runCommand } from './run-command.mjs';

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string | string[], cpu?: string | string[], libc?: string | string[] }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} LockFile
 */

/**
 * npm's rule for `os` and `cpu`: any of the names, none of those with `!`.
 * @param {string | string[] | undefined} wanted
 * @param {string} value
 */
function suits(wanted, value) {
  const list = wanted === undefined ? [] : Array.isArray(wanted) ? wanted : [wanted];
  const named = list.filter(name => !name.startsWith('!'));
  return !list.includes(`!${value}`) && (named.length === 0 || named.includes(value));
}

/**
 * The packages that should be installed here and are not, or not in the locked version. npm writes down what it installed
 * in node_modules/.package-lock.json, last of all.
 * @param {LockFile} lock
 * @param {LockFile | undefined} installed
 * @param {{ platform: string, arch: string }} machine
 * @returns {string[]}
 */
export function stalePackages(lock, installed, { platform, arch }) {
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .filter(([path, { integrity, optional, os, cpu, libc }]) => {
      const present = installed?.packages[path];
      // An optional package is expected only where its platform is told, and is this one; which C library that has cannot be told from here.
      const expected = !optional || (os !== undefined && libc === undefined && suits(os, platform) && suits(cpu, arch));
      if (!present && !expected) return false;
      return !present || present.integrity !== integrity;
    })
    .map(([path]) => path);
}

/**
 * @param {string} path
 * @returns {LockFile | undefined}
 */
const readLock = path => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

/**
 * Runs `npm ci` where it is needed.
 * @param {string} root of the checkout
 * @throws {SetupError} when npm is missing or fails
 */
export async function installDependencies(root) {
  const lock = readLock(join(root, 'package-lock.json'));
  if (!lock) throw new SetupError(`${root} has no package-lock.json: is it a whole checkout?`);
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (stalePackages(lock, installed, process).length === 0) return;
  // Not the Node of node_modules, which npm is about to replace.
  const bin = join(root, 'node_modules', '.bin');
  const PATH = (process.env['PATH'] ?? '').split(delimiter).filter(directory => directory !== bin);
  const env = { ...process.env, PATH: PATH.join(delimiter), NODE_ENV: 'development' };
  await withProgress('npm ci', async () => {
    try {
      await runCommand('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error'], { cwd: root, env });
    } catch (error) {
      throw new SetupError(
        `The packages of package-lock.json cannot be installed. ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  });
}
