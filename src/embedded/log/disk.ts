import { open, type FileHandle } from 'node:fs/promises';
import { encodeHead, type FileHead, newFileHead } from './frames.ts';
import type { LogFile } from './group-commit.ts';

/** Begins a log that must not be there yet. When it resolves the file and its name are on the disk. */
export async function createLog(folder: string, path: string): Promise<LogFile> {
  const head = newFileHead('log');
  const handle = await open(path, 'wx', 0o600);
  try {
    await writeAll(handle, encodeHead(head), 0);
    await handle.datasync();
    await syncFolder(folder);
    return logFile(handle, head);
  } catch (error) {
    await handle.close();
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
  await handle.truncate(wholeBytes);
  await handle.sync();
  return logFile(handle, head);
}

function logFile(handle: FileHandle, head: FileHead): LogFile {
  return {
    head,
    async write(bytes, position) {
      await writeAll(handle, bytes, position);
      await handle.datasync();
    },
    truncate: lengthBytes => handle.truncate(lengthBytes),
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
