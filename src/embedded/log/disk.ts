import { writeSync } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { encodeHead, FILE_HEAD_BYTES, type FileHead, newFileHead } from './frames.ts';
import type { LogFile } from './group-commit.ts';

/** Begins a log that must not be there yet. When it resolves the file and its name are on the disk. */
export async function createLog(folder: string, path: string): Promise<LogFile> {
  const head = newFileHead('log');
  const handle = await open(path, 'wx', 0o600);
  try {
    await writeAll(handle, encodeHead(head), 0);
    await handle.datasync();
    await syncFolder(folder);
    return logFile(handle, head, FILE_HEAD_BYTES);
  } catch (error) {
    await handle.close();
    // the log before it goes on, and must stay the last: one that ends too early before another is damage
    await rm(path, { force: true });
    throw error;
  }
}

/** Goes on with a log: what is behind `wholeBytes` is cut off before anything is added. */
export async function resumeLog(
  path: string,
  head: FileHead,
  wholeBytes: number,
): Promise<LogFile> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(wholeBytes);
    await handle.sync();
  } catch (error) {
    await handle.close();
    throw error;
  }
  return logFile(handle, head, wholeBytes);
}

/** Files grow by so much: a write into what is allocated costs the disk less than one that makes the file longer. */
const GROW_BYTES = 1024 * 1024;
/** Smaller writes are handed to the page cache at once: the way to another thread would take longer. */
const DIRECT_BYTES = 64 * 1024;

function logFile(handle: FileHandle, head: FileHead, wholeBytes: number): LogFile {
  let allocatedBytes = wholeBytes;

  /** How many of the bytes are in the page cache now. */
  const putAtOnce = (bytes: Buffer, position: number): number =>
    bytes.length > DIRECT_BYTES ? 0 : writeSync(handle.fd, bytes, 0, bytes.length, position);

  return {
    head,
    async write(bytes, position) {
      const end = position + bytes.length;
      if (end > allocatedBytes) {
        const grown = end + GROW_BYTES;
        await writeAll(handle, Buffer.alloc(grown - allocatedBytes), allocatedBytes);
        allocatedBytes = grown;
      }
      // The disk begins at once: what else this turn has to do does not come before it.
      const done = putAtOnce(bytes, position);
      if (done < bytes.length) await writeAll(handle, bytes.subarray(done), position + done);
      await handle.datasync();
    },
    async truncate(lengthBytes) {
      allocatedBytes = lengthBytes;
      await handle.truncate(lengthBytes);
    },
    close: () => handle.close(),
  };
}

export async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Puts the names in a folder on the disk: a file that was synced can still be lost by its name. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
