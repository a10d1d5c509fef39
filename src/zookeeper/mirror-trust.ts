import type { RollcallError } from '../kernel/errors.ts';
import type { ZnodePath } from './api.ts';
import type { ReadNode } from './mirror-reads.ts';

/** Paths that could not be read. What was known of them before stays known. */
export interface MirrorTrust {
  readonly untrusted: ReadonlyMap<ZnodePath, RollcallError>;
  /** Whether its list of children could not be read. */
  isUnlisted(path: ZnodePath): boolean;
  readFailed(path: ZnodePath, error: RollcallError): void;
  listFailed(path: ZnodePath, error: RollcallError): void;
  /** Without children, there was nothing to list. */
  wasRead(node: Pick<ReadNode, 'path' | 'stat'>): void;
  wasListed(path: ZnodePath): void;
  isGone(path: ZnodePath): void;
}

export function mirrorTrust(): MirrorTrust {
  const untrusted = new Map<ZnodePath, RollcallError>();
  const unlisted = new Set<ZnodePath>();
  /** Mostly so: then nobody has to put the path together. */
  const isClear = (): boolean => untrusted.size === 0 && unlisted.size === 0;
  const forget = (path: ZnodePath): void => {
    unlisted.delete(path);
    untrusted.delete(path);
  };
  return {
    untrusted,
    isUnlisted: path => unlisted.size > 0 && unlisted.has(path),
    readFailed: (path, error) => void untrusted.set(path, error),
    listFailed(path, error) {
      unlisted.add(path);
      untrusted.set(path, error);
    },
    wasRead(node) {
      if (isClear()) return;
      const { path, stat } = node;
      if (stat.numChildren === 0 || !unlisted.has(path)) forget(path);
    },
    wasListed: forget,
    isGone: forget,
  };
}
