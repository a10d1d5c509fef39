import type { LeaveCause, ListedProvider } from './ports.ts';

export interface Tombstone {
  /** An upper bound of the zxid at which the id went. */
  readonly zxid: bigint;
  readonly cause: LeaveCause;
  readonly provider: ListedProvider;
}

/** Who has left, so that a subscriber that comes back can be told; bounded. */
export interface Tombstones {
  readonly size: number;
  /** Returns the zxid of what had to be forgotten for it, if any: nothing older than that can be told any more. */
  add(id: string, tombstone: Tombstone): bigint | undefined;
  delete(id: string): void;
  get(id: string): Tombstone | undefined;
  entries(): Iterable<readonly [string, Tombstone]>;
  clear(): void;
}

export function tombstones(capacity: number): Tombstones {
  return new Graveyard(capacity);
}

class Graveyard implements Tombstones {
  private readonly capacity: number;
  /** In the order of their coming; the zxids rise but for upper bounds. Made for the first: from most services nobody ever leaves. */
  private byId: Map<string, Tombstone> | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.byId?.size ?? 0;
  }

  add(id: string, tombstone: Tombstone): bigint | undefined {
    const byId = (this.byId ??= new Map());
    byId.delete(id);
    byId.set(id, tombstone);
    if (byId.size <= this.capacity) return undefined;
    for (const [oldest, { zxid }] of byId) {
      byId.delete(oldest);
      return zxid;
    }
    return undefined;
  }

  delete(id: string): void {
    this.byId?.delete(id);
  }

  get(id: string): Tombstone | undefined {
    return this.byId?.get(id);
  }

  entries(): Iterable<readonly [string, Tombstone]> {
    return this.byId ?? [];
  }

  clear(): void {
    this.byId = undefined;
  }
}
