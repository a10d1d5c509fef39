/**
 * The index of one thing (a service's providers, its consumers), and what of it is published. Pure bookkeeping.
 *
 * *Full* is the newest zxid that is known of the thing. *Published* is what a client may be told: never above the mark of a
 * change that is still to be read, because a client that was told N never asks again for what is ≤ N. It never goes back, but
 * for `restart`.
 */
export interface PublishedIndex {
  readonly full: bigint;
  readonly published: bigint;
  /** Whether something is known that is not published yet. */
  readonly held: boolean;
  /** Takes note of a zxid of the thing. */
  saw(zxid: bigint): void;
  /**
   * @param mark the smallest mark of what is still to be read; undefined: nothing is.
   * @param atLeast what stands for `full` when it is larger: of a thing that is not there, the zxid of the place where it would be.
   * Returns whether `published` moved.
   */
  publish(mark: bigint | undefined, atLeast?: bigint): boolean;
  /** The ensemble was rebuilt: begins again from `full`, with nothing published. */
  restart(full: bigint): void;
}

export function publishedIndex(): PublishedIndex {
  let full = 0n;
  let published = 0n;
  let isHeld = false;
  return {
    get full() {
      return full;
    },
    get published() {
      return published;
    },
    get held() {
      return isHeld;
    },
    saw(zxid) {
      if (zxid > full) full = zxid;
    },
    publish(mark, atLeast = 0n) {
      const known = atLeast > full ? atLeast : full;
      const next = smaller(known, mark);
      const moved = next > published;
      if (moved) published = next;
      isHeld = known > published;
      return moved;
    },
    restart(newFull) {
      full = newFull;
      published = 0n;
    },
  };
}

/** `zxid`, or the mark when it is smaller. */
export function smaller(zxid: bigint, mark: bigint | undefined): bigint {
  return mark !== undefined && mark < zxid ? mark : zxid;
}
