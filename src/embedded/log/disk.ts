import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { encodeHead, FILE_HEAD_BYTES, type FileHead, newFileHead } from './frames.ts';
import type { LogFile } from './group-commit.ts';

const { O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants;

/**
 * What is written to a file that is opened so is on the disk when the write returns, as after an `fdatasync`, and all of it happens on
 * another thread. Elsewhere the flag is missing, or disks keep what was written in a cache of their own.
 */
const SYNCHRONOUS = process.platform === 'linux' ? constants.O_DSYNC : 0;

/** Begins a log that must not be there yet. When it resolves the file and its name are on the disk. */
export async function createLog(folder: string, path: string): Promise<LogFile> {
  const head = newFileHead('log');
  const handle = await open(path, O_CREAT | O_EXCL | O_WRONLY | SYNCHRONOUS, 0o600);
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
  const handle = await open(path, O_RDWR | SYNCHRONOUS);
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

function logFile(handle: FileHandle, head: FileHead, wholeBytes: number): LogFile {
  let allocatedBytes = wholeBytes;
  return {
    head,
    async write(bytes, position) {
      const end = position + bytes.length;
      if (end <= allocatedBytes) await writeAll(handle, bytes, position);
      else {
        allocatedBytes = end + GROW_BYTES;
        const withZeros = Buffer.concat([bytes], allocatedBytes - position);
        await writeAll(handle, withZeros, position);
      }
      if (SYNCHRONOUS === 0) await handle.datasync();
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
