import type { WatchEvent, ZnodePath } from './api.ts';
import { pathMarks } from './mirror-marks.ts';

/**
 * W, and the marks it is made of. Pure bookkeeping: whoever notes a changed path adds its mark, whoever has applied a read that
 * began after the event takes it away.
 */
export interface Watermark {
  /** Everything with a zxid ≤ this has been delivered. It never goes back but for `restart`. */
  value(): bigint;
  /**
   * The mark of an event that comes in now. Every event up to the newest answer's zxid came before that answer, and events come in
   * the order of their zxids: what is not pending is known up to `lastZxid`, or, when the event carries a zxid, up to one below it.
   */
  markOf(event: WatchEvent): bigint;
  add(path: ZnodePath, mark: bigint): void;
  remove(path: ZnodePath, mark: bigint): void;
  /** The smallest mark at or below `prefix`; W itself for every prefix while frozen; undefined when nothing is pending there. */
  pendingMark(prefix: ZnodePath): bigint | undefined;
  /** Events may have been missed: W stands where it is until `thaw`. */
  freeze(): void;
  /** Everything was read again. */
  thaw(): void;
  /** The ensemble was rebuilt, and its zxids with it: frozen at 0, as in the beginning. No marks may be left. */
  restart(): void;
}

export interface WatermarkParts {
  readonly roots: readonly ZnodePath[];
  /** The session's `lastZxid`. */
  readonly lastZxid: () => bigint;
}

/** Begins frozen at 0: nothing was delivered yet. */
export function watermark(parts: WatermarkParts): Watermark {
  const marks = pathMarks(parts.roots);
  let floor = 0n;
  let frozen = true;
  const value = (): bigint => {
    if (frozen) return floor;
    const reached = marks.min('/') ?? parts.lastZxid();
    if (reached > floor) floor = reached;
    return floor;
  };
  return {
    value,
    markOf(event) {
      const announced = event.zxid === undefined ? parts.lastZxid() : event.zxid - 1n;
      return announced > floor ? announced : floor;
    },
    add: marks.add,
    remove: marks.remove,
    pendingMark: prefix => (frozen ? floor : marks.min(prefix)),
    freeze() {
      value();
      frozen = true;
    },
    thaw() {
      frozen = false;
    },
    restart() {
      frozen = true;
      floor = 0n;
    },
  };
}
