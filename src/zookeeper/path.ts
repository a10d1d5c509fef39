import { RollcallError } from '../kernel/errors.ts';
import type { ZnodePath } from './api.ts';

/** Characters that ZooKeeper's `PathUtils` refuses: controls, surrogates, private use, and the specials at the end of the plane. */
// eslint-disable-next-line no-control-regex
const REFUSED = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/u;

/**
 * Checks a path by the rules of ZooKeeper's `PathUtils.validatePath`.
 *
 * @param sequential a sequential node may end in `/`: its name is then the number alone.
 * @throws RollcallError INVALID_PATH
 */
export function checkPath(path: ZnodePath, sequential = false): ZnodePath {
  const whole = sequential && path.endsWith('/') ? `${path}0` : path;
  const problem = pathProblem(whole);
  if (problem === undefined) return path;
  throw new RollcallError('INVALID_PATH', `the path ${JSON.stringify(path)} ${problem}`, {
    details: { path },
  });
}

/** Plain ASCII names, none of them empty or relative: nearly every path, told in one pass. */
const PLAIN = /^(?:\/(?!\.{0,2}(?:\/|$))[ -.0-~]+)+$/;

function pathProblem(path: string): string | undefined {
  if (PLAIN.test(path)) return undefined;
  if (!path.startsWith('/')) return 'does not begin with /';
  if (path === '/') return undefined;
  if (path.endsWith('/')) return 'ends with /';
  for (const name of path.slice(1).split('/')) {
    if (name === '') return 'has an empty name in it';
    if (name === '.' || name === '..') return 'is relative';
  }
  return REFUSED.test(path) ? 'has a character that ZooKeeper refuses' : undefined;
}

export function parentOf(path: ZnodePath): ZnodePath {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

export function nameOf(path: ZnodePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Between the paths that callers see and those the server has. */
export interface Chroot {
  /** Empty when there is none; otherwise it begins with `/` and does not end with one. */
  readonly prefix: string;
  toServer(path: ZnodePath): string;
  toClient(path: string): ZnodePath;
}

export function chroot(prefix: string): Chroot {
  if (prefix === '') return { prefix, toServer: path => path, toClient: path => path };
  return {
    prefix,
    toServer: path => (path === '/' ? prefix : prefix + path),
    toClient: path =>
      path === prefix ? '/' : path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path,
  };
}
