/** Bytes that can be read at any place, as a file's. */
import { open } from 'node:fs/promises';

export interface RandomAccess {
  /** In bytes. */
  readonly size: number;
  /** The bytes from there on; fewer only where the end comes before. */
  read(at: number, length: number): Promise<Buffer>;
}

export interface OpenFile extends RandomAccess {
  close(): Promise<void>;
}

/** A file of the machine. Throws what the file system throws. */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    return {
      size,
      async read(at, length) {
        const wanted = Math.max(0, Math.min(length, size - at));
        const buffer = Buffer.allocUnsafe(wanted);
        let read = 0;
        while (read < wanted) {
          const { bytesRead } = await handle.read(buffer, read, wanted - read, at + read);
          if (bytesRead === 0) break;
          read += bytesRead;
        }
        return buffer.subarray(0, read);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Bytes in memory. */
export function bytesAccess(bytes: Uint8Array): RandomAccess {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return { size: buffer.length, read: (at, length) => Promise.resolve(buffer.subarray(at, at + length)) };
}
