import type { RollcallError } from '../kernel/errors.ts';
import type { ZnodePath } from './api.ts';

/** Paths that could not be read. What was known of them before stays known. */
export interface MirrorTrust {
  readonly untrusted: ReadonlyMap<ZnodePath, RollcallError>;
  /** Whether its list of children could not be read. */
  isUnlisted(path: ZnodePath): boolean;
  readFailed(path: ZnodePath, error: RollcallError): void;
  listFailed(path: ZnodePath, error: RollcallError): void;
  /** @param hasChildren without any, there was nothing to list. */
  wasRead(path: ZnodePath, hasChildren: boolean): void;
  wasListed(path: ZnodePath): void;
  isGone(path: ZnodePath): void;
}

export function mirrorTrust(): MirrorTrust {
  const untrusted = new Map<ZnodePath, RollcallError>();
  const unlisted = new Set<ZnodePath>();
  const forget = (path: ZnodePath): void => {
    unlisted.delete(path);
    untrusted.delete(path);
  };
  return {
    untrusted,
    isUnlisted: path => unlisted.has(path),
    readFailed: (path, error) => void untrusted.set(path, error),
    listFailed(path, error) {
      unlisted.add(path);
      untrusted.set(path, error);
    },
    wasRead(path, hasChildren) {
      if (!hasChildren || !unlisted.has(path)) forget(path);
    },
    wasListed: forget,
    isGone: forget,
  };
}
