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
  return new Published();
}

/** A class: every service has two of them, and what reads them is quick as long as they are of one shape. */
class Published implements PublishedIndex {
  full = 0n;
  published = 0n;
  held = false;

  saw(zxid: bigint): void {
    if (zxid > this.full) this.full = zxid;
  }

  publish(mark: bigint | undefined, atLeast = 0n): boolean {
    const known = atLeast > this.full ? atLeast : this.full;
    const next = smaller(known, mark);
    const moved = next > this.published;
    if (moved) this.published = next;
    this.held = known > this.published;
    return moved;
  }

  restart(full: bigint): void {
    this.full = full;
    this.published = 0n;
  }
}

/** `zxid`, or the mark when it is smaller. */
export function smaller(zxid: bigint, mark: bigint | undefined): bigint {
  return mark !== undefined && mark < zxid ? mark : zxid;
}
