import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorText, RollcallError } from '../kernel/errors.ts';

/**
 * Makes the directory of the history when it is missing.
 *
 * @throws RollcallError INVALID_CONFIG when it cannot be made or written to.
 */
export async function makeHistoryDir(path: string): Promise<void> {
  try {
    await makeWithParents(path);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : errorText(cause);
    throw new RollcallError(
      'INVALID_CONFIG',
      `--history-dir ${path}: it cannot be written to (${why}): name a directory that this user may write to`,
      { cause, details: { flag: 'history-dir' } },
    );
  }
}

/** Node's own `recursive` never ends where a directory is there and may have no children, as below /proc. */
async function makeWithParents(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    await makeWithParents(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const isThere = codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isThere) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
