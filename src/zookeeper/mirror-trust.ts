import { errorText, type RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { ZnodePath } from './api.ts';
import type { ReadNode } from './mirror-reads.ts';

/** Paths that could not be read. What was known of them before stays known. */
export interface MirrorTrust {
  readonly untrusted: ReadonlyMap<ZnodePath, RollcallError>;
  /** Whether its list of children could not be read, or not even itself. */
  isUnlisted(path: ZnodePath): boolean;
  readFailed(path: ZnodePath, error: RollcallError): void;
  listFailed(path: ZnodePath, error: RollcallError): void;
  /** Without children, there was nothing to list. */
  wasRead(node: Pick<ReadNode, 'path' | 'stat'>): void;
  wasListed(path: ZnodePath): void;
  isGone(path: ZnodePath): void;
  /** What is not trusted now; the returned function takes that up again, of a re-read whose findings were dropped. */
  remember(): () => void;
}

export interface TrustParts {
  readonly logger: Logger;
  /** Told of the number of untrusted paths when it has changed. */
  readonly onCount: (count: number) => void;
}

export function mirrorTrust({ logger, onCount }: TrustParts): MirrorTrust {
  const untrusted = new Map<ZnodePath, RollcallError>();
  const unlisted = new Set<ZnodePath>();
  /** Mostly so: then nobody has to put the path together. */
  const isClear = (): boolean => untrusted.size === 0 && unlisted.size === 0;
  const forget = (path: ZnodePath): void => {
    unlisted.delete(path);
    if (!untrusted.delete(path)) return;
    onCount(untrusted.size);
    if (untrusted.size === 0) logger.info({ path }, 'every path can be read again');
  };
  /** Told once for all of them: one missing right may concern a hundred thousand. */
  const distrust = (path: ZnodePath, error: RollcallError): void => {
    const isFirst = untrusted.size === 0;
    untrusted.set(path, error);
    onCount(untrusted.size);
    if (isFirst)
      logger.warn(
        { path, error: errorText(error) },
        'a path cannot be read: what was known of it is kept, and W claims nothing for it',
      );
  };
  return {
    untrusted,
    isUnlisted: path => unlisted.size > 0 && unlisted.has(path),
    readFailed(path, error) {
      unlisted.add(path); // who may not be read was not listed either
      distrust(path, error);
    },
    listFailed(path, error) {
      unlisted.add(path);
      distrust(path, error);
    },
    wasRead(node) {
      if (isClear()) return;
      const { path, stat } = node;
      if (stat.numChildren === 0 || !unlisted.has(path)) forget(path);
    },
    wasListed: forget,
    isGone: forget,
    remember() {
      const [before, lists] = [[...untrusted], [...unlisted]];
      return () => {
        for (const [path, error] of before) if (!untrusted.has(path)) distrust(path, error);
        for (const path of lists) unlisted.add(path);
      };
    },
  };
}
