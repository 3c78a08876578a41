/** The few calls of node:fs that isomorphic-git makes, over a Map: the root filesystem may be read-only. */

interface Stat {
  type: 'file' | 'dir';
  mode: number;
  size: number;
  ino: number;
  mtimeMs: number;
  ctimeMs: number;
  uid: number;
  gid: number;
  dev: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

export interface MemoryFiles {
  /** The object that isomorphic-git takes as `fs`. */
  readonly promises: {
    readFile(path: string, options?: { encoding?: string } | string): Promise<Buffer | string>;
    writeFile(path: string, data: Uint8Array | string): Promise<void>;
    mkdir(path: string): Promise<void>;
    readdir(path: string): Promise<string[]>;
    stat(path: string): Promise<Stat>;
    lstat(path: string): Promise<Stat>;
    unlink(path: string): Promise<void>;
    rmdir(path: string): Promise<void>;
    readlink(path: string): Promise<string>;
    symlink(target: string, path: string): Promise<void>;
    chmod(path: string, mode: number): Promise<void>;
  };
}

/** An empty file system. `beforeWrite` sees each file before it is kept and may refuse it by throwing. */
export function createMemoryFiles(beforeWrite: (path: string, data: Buffer) => void): MemoryFiles {
  const files = new Map<string, Buffer>();
  const directories = new Set<string>(['/']);
  const stat = async (path: string): Promise<Stat> => {
    const file = files.get(path);
    if (!file && !directories.has(path)) throw missing(path);
    return statOf(file);
  };
  return {
    promises: {
      async readFile(path, options) {
        const file = files.get(path);
        if (!file) throw missing(path);
        const encoding = typeof options === 'string' ? options : options?.encoding;
        return encoding === 'utf8' ? file.toString('utf8') : file;
      },
      async writeFile(path, data) {
        const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        beforeWrite(path, bytes);
        for (let dir = parentOf(path); !directories.has(dir); dir = parentOf(dir)) directories.add(dir);
        files.set(path, bytes);
      },
      async mkdir(path) {
        for (let dir = path; !directories.has(dir); dir = parentOf(dir)) directories.add(dir);
      },
      async readdir(path) {
        if (!directories.has(path)) throw missing(path);
        return [...files.keys(), ...directories]
          .filter(p => p !== '/' && parentOf(p) === path)
          .map(p => p.slice(p.lastIndexOf('/') + 1));
      },
      stat,
      lstat: stat,
      async unlink(path) {
        if (!files.delete(path)) throw missing(path);
      },
      async rmdir(path) {
        directories.delete(path);
      },
      async readlink(path) {
        throw missing(path);
      },
      async symlink(_target, path) {
        throw new Error(`${path}: links are not kept`);
      },
      async chmod() {},
    },
  };
}

function statOf(file: Buffer | undefined): Stat {
  return {
    type: file ? 'file' : 'dir',
    mode: file ? 0o100644 : 0o40755,
    size: file?.length ?? 0,
    ino: 0,
    mtimeMs: 0,
    ctimeMs: 0,
    uid: 0,
    gid: 0,
    dev: 0,
    isFile: () => file !== undefined,
    isDirectory: () => file === undefined,
    isSymbolicLink: () => false,
  };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
}
