import type { Clock, Timer } from '../kernel/clock.ts';
import type { Overlap } from './id-contest.ts';

/** Watches ids that znodes of several sessions claim: a restart is over soon, a conflict stays. */
export interface ServiceConflicts {
  /** Looks at an id whose claims have changed. */
  check(id: string, overlap: Overlap | undefined): void;
  /** Whether two have stayed for long. */
  has(id: string): boolean;
  close(): void;
}

export interface ServiceConflictsParts {
  readonly clock: Clock;
  readonly afterMs: number;
  /** The same two sessions' znodes have claimed the id for `afterMs`; told once for each overlap. */
  readonly onConflict: (id: string) => void;
}

export function serviceConflicts(parts: ServiceConflictsParts): ServiceConflicts {
  return new Conflicts(parts);
}

interface Watched {
  /** The younger of the two: once another one is, it is another overlap, and its time begins anew. */
  readonly younger: string;
  /** Ended when it lasts. */
  timer: Timer | undefined;
}

/** A class: there is one for each service, and most never have one. */
class Conflicts implements ServiceConflicts {
  private readonly parts: ServiceConflictsParts;
  /** Made for the first overlap. */
  private overlaps: Map<string, Watched> | undefined;

  constructor(parts: ServiceConflictsParts) {
    this.parts = parts;
  }

  check(id: string, overlap: Overlap | undefined): void {
    if (overlap === undefined && this.overlaps === undefined) return;
    const overlaps = (this.overlaps ??= new Map());
    const known = overlaps.get(id);
    if (known?.younger === overlap?.younger.znode) return;
    known?.timer?.cancel();
    overlaps.delete(id);
    if (overlap === undefined) return;
    const watched: Watched = { younger: overlap.younger.znode, timer: undefined };
    const lasts = (): void => {
      watched.timer = undefined;
      this.parts.onConflict(id);
    };
    watched.timer = this.parts.clock.after(this.parts.afterMs, lasts, { unref: true });
    overlaps.set(id, watched);
  }

  has(id: string): boolean {
    const watched = this.overlaps?.get(id);
    return watched !== undefined && watched.timer === undefined;
  }

  close(): void {
    for (const { timer } of this.overlaps?.values() ?? []) timer?.cancel();
    this.overlaps = undefined;
  }
}
