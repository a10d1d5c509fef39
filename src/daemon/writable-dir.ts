import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorText, RollcallError } from '../kernel/errors.ts';

/**
 * Makes the directory that a flag names, when it is missing.
 *
 * @param mode of the directory itself, less the process' umask.
 * @throws RollcallError INVALID_CONFIG when it cannot be made or written to.
 */
export async function makeWritableDir(flag: string, path: string, mode = 0o777): Promise<void> {
  try {
    await makeWithParents(path, mode);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : errorText(cause);
    throw new RollcallError(
      'INVALID_CONFIG',
      `--${flag} ${path}: it cannot be written to (${why}): name a directory that this user may write to`,
      { cause, details: { flag } },
    );
  }
}

/** Node's own `recursive` never ends where a directory is there and may have no children, as below /proc. */
async function makeWithParents(path: string, mode: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    await makeWithParents(parent, 0o777);
    await makeOne(path, mode);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const isThere = codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isThere) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
