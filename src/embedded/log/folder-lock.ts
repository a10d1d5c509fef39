import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RollcallError } from '../../kernel/errors.ts';

/** Folders in use by this process: a process id alone does not tell a second server in it, nor a life before this one. */
const held = new Set<string>();

/**
 * Keeps two servers from writing into one data folder. A lock whose process is gone is taken over.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE when another process has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  if (held.has(folder)) throw inUse(folder, process.pid);
  held.add(folder);
  try {
    await takeLock(folder, path);
  } catch (error) {
    held.delete(folder);
    throw error;
  }
  return async () => {
    held.delete(folder);
    await rm(path, { force: true });
  };
}

async function takeLock(folder: string, path: string): Promise<void> {
  for (;;) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = Number((await readFile(path, 'utf8').catch(() => '')).trim());
    if (owner !== process.pid && isAlive(owner)) throw inUse(folder, owner);
    await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function inUse(folder: string, pid: number): RollcallError {
  return new RollcallError(
    'ZOOKEEPER_UNAVAILABLE',
    `the data folder ${folder} is in use by process ${pid}; if that is not so, remove ${join(folder, 'lock')}`,
  );
}
