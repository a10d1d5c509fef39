import { errorText, type RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Stat, ZnodePath } from './api.ts';

/** Paths that could not be read. What was known of them before stays known. */
export interface MirrorTrust {
  readonly untrusted: ReadonlyMap<ZnodePath, RollcallError>;
  /** Nothing is untrusted. */
  readonly isClear: boolean;
  /** Whether its list of children could not be read, or not even itself. */
  isUnlisted(path: ZnodePath): boolean;
  readFailed(path: ZnodePath, error: RollcallError): void;
  listFailed(path: ZnodePath, error: RollcallError): void;
  /** Without children, there was nothing to list. */
  wasRead(node: WasRead): void;
  wasListed(path: ZnodePath): void;
  /** The same, while what the list names is still to be read, under this mark: until then an empty directory would be claimed. */
  isBeingFilled(path: ZnodePath, mark: bigint): void;
  /** Reads were applied: trusts again what has been filled. `pendingMark`: the smallest mark of what is still to be read there. */
  settled(pendingMark: (path: ZnodePath) => bigint | undefined): void;
  isGone(path: ZnodePath): void;
  /** For a re-read: what is found is trusted once it has been delivered, and not at all when it is dropped. */
  regaining(): Regaining;
}

interface WasRead {
  readonly path: ZnodePath;
  readonly stat: Pick<Stat, 'numChildren'>;
}

export interface Regaining extends Pick<MirrorTrust, 'wasRead' | 'wasListed' | 'isGone'> {
  delivered(): void;
}

export interface TrustParts {
  readonly logger: Logger;
  /** Told of the number of untrusted paths when it has changed. */
  readonly onCount: (count: number) => void;
}

export function mirrorTrust({ logger, onCount }: TrustParts): MirrorTrust {
  const untrusted = new Map<ZnodePath, RollcallError>();
  const unlisted = new Set<ZnodePath>();
  /** Listed again, with the mark of what was found in them. */
  const filling = new Map<ZnodePath, bigint>();
  /** Mostly so: then nobody has to put the path together. */
  const isClear = (): boolean => untrusted.size === 0 && unlisted.size === 0;
  const forget = (path: ZnodePath): void => {
    unlisted.delete(path);
    filling.delete(path);
    if (!untrusted.delete(path)) return;
    onCount(untrusted.size);
    if (untrusted.size === 0) logger.info({ path }, 'every path can be read again');
  };
  /** Told once for all of them: one missing right may concern a hundred thousand. */
  const distrust = (path: ZnodePath, error: RollcallError): void => {
    const isFirst = untrusted.size === 0;
    filling.delete(path);
    untrusted.set(path, error);
    onCount(untrusted.size);
    if (isFirst)
      logger.warn(
        { path, error: errorText(error) },
        'a path cannot be read: what was known of it is kept, and W claims nothing for it',
      );
  };
  const wasRead: MirrorTrust['wasRead'] = node => {
    if (isClear()) return;
    const { path, stat } = node;
    if (filling.has(path)) return;
    if (stat.numChildren === 0 || !unlisted.has(path)) forget(path);
  };
  return {
    untrusted,
    get isClear() {
      return isClear();
    },
    isUnlisted: path => unlisted.size > 0 && unlisted.has(path),
    readFailed(path, error) {
      unlisted.add(path); // who may not be read was not listed either
      distrust(path, error);
    },
    listFailed(path, error) {
      unlisted.add(path);
      distrust(path, error);
    },
    wasRead,
    wasListed: forget,
    isBeingFilled(path, mark) {
      unlisted.delete(path);
      if (untrusted.has(path)) filling.set(path, mark);
    },
    settled(pendingMark) {
      for (const [path, mark] of filling) {
        const pending = pendingMark(path);
        // What came in after the list is of no concern: in a busy directory there is always something.
        if (pending === undefined || pending > mark) forget(path);
      }
    },
    isGone: forget,
    regaining() {
      const steps: (() => void)[] = [];
      const later = (step: () => void): void => {
        if (!isClear()) steps.push(step);
      };
      return {
        wasRead: ({ path, stat: { numChildren } }) =>
          later(() => wasRead({ path, stat: { numChildren } })),
        wasListed: path => later(() => forget(path)),
        isGone: path => later(() => forget(path)),
        delivered() {
          for (const step of steps.splice(0)) step();
        },
      };
    },
  };
}
