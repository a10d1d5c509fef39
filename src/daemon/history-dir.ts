import { access, constants, mkdir } from 'node:fs/promises';
import { errorText, RollcallError } from '../kernel/errors.ts';

/**
 * Makes the directory of the history when it is missing.
 *
 * @throws RollcallError INVALID_CONFIG when it cannot be made or written to.
 */
export async function makeHistoryDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
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
