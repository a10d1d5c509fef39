import type { ZnodePath } from './api.ts';
import { isAtOrBelow } from './mirror-paths.ts';
import { parentOf } from './path.ts';

/** A multiset of zxids that knows its smallest. */
export interface MarkBag {
  readonly size: number;
  add(mark: bigint): void;
  remove(mark: bigint): void;
  min(): bigint | undefined;
}

/**
 * Many paths share a mark (it moves only with the session's answers), so the smallest is looked for among the distinct marks,
 * and only after the last of the smallest was taken out.
 */
export function markBag(): MarkBag {
  return new Bag();
}

/** A class: every change that is noted fills one for each of its ancestors. */
class Bag implements MarkBag {
  private readonly counts = new Map<bigint, number>();
  private smallest: bigint | undefined;
  private known = true;

  get size(): number {
    return this.counts.size;
  }

  add(mark: bigint): void {
    const { counts, smallest } = this;
    counts.set(mark, (counts.get(mark) ?? 0) + 1);
    if (this.known && (smallest === undefined || mark < smallest)) this.smallest = mark;
  }

  remove(mark: bigint): void {
    const { counts } = this;
    const count = counts.get(mark);
    if (count === undefined) return;
    if (count > 1) {
      counts.set(mark, count - 1);
      return;
    }
    counts.delete(mark);
    if (mark === this.smallest) this.known = false;
  }

  min(): bigint | undefined {
    if (!this.known) this.smallest = smallestOf(this.counts.keys());
    this.known = true;
    return this.smallest;
  }
}

/** Marks of paths, with the smallest at or below any prefix. */
export interface PathMarks {
  add(path: ZnodePath, mark: bigint): void;
  remove(path: ZnodePath, mark: bigint): void;
  /** undefined when no path at or below `prefix` has a mark. */
  min(prefix: ZnodePath): bigint | undefined;
}

/**
 * A bag for every ancestor of a marked path, up to its root: adding and removing cost the path's depth, asking costs one
 * look-up (above the roots: one for each root).
 */
export function pathMarks(roots: readonly ZnodePath[]): PathMarks {
  const bags = new Map<ZnodePath, MarkBag>();
  const rootSet = new Set(roots);
  const upwards = (path: ZnodePath, visit: (ancestor: ZnodePath) => void): void => {
    for (let at = path; ; at = parentOf(at)) {
      visit(at);
      if (rootSet.has(at) || at === '/') return;
    }
  };
  return {
    add(path, mark) {
      upwards(path, ancestor => {
        let bag = bags.get(ancestor);
        if (bag === undefined) bags.set(ancestor, (bag = markBag()));
        bag.add(mark);
      });
    },
    remove(path, mark) {
      upwards(path, ancestor => {
        const bag = bags.get(ancestor);
        bag?.remove(mark);
        if (bag?.size === 0) bags.delete(ancestor);
      });
    },
    min(prefix) {
      if (bags.size === 0) return undefined; // as almost always, and often asked
      const own = bags.get(prefix)?.min();
      if (own !== undefined) return own;
      return smallestOf(
        roots.filter(root => isAtOrBelow(root, prefix)).map(root => bags.get(root)?.min()),
      );
    },
  };
}

function smallestOf(marks: Iterable<bigint | undefined>): bigint | undefined {
  let smallest: bigint | undefined;
  for (const mark of marks) {
    if (mark !== undefined && (smallest === undefined || mark < smallest)) smallest = mark;
  }
  return smallest;
}
