import type { Clock, Timer } from '../kernel/clock.ts';
import type { LeaveCause, ListedProvider } from './ports.ts';
import type { ViewNotice } from './view-notice.ts';

/** What has become of one id since the feed last spoke of it. */
export interface FoldedChange {
  readonly id: string;
  /** As the feed told it last; undefined: not listed. */
  readonly told: ListedProvider | undefined;
  readonly now: ListedProvider | undefined;
  readonly cause: LeaveCause | undefined;
}

export interface FoldedService {
  readonly service: string;
  /** When the oldest watch event behind it came in, in monotonic ms. */
  readonly eventAtMs: number | undefined;
  /** An id that came and went within the window is among them: somebody may know it from another replica. */
  readonly changes: readonly FoldedChange[];
  readonly suspects: boolean;
  /** See the notice's `unseen`. */
  readonly unseen: boolean;
}

/**
 * Folds what happens to a service within a short time into one telling: the first change goes out at once, what follows within
 * `windowMs` together at its end.
 */
export interface FeedCoalescer {
  /** @param mark the watermark before these changes: nothing later may be claimed until they are told. */
  note(
    notice: Pick<ViewNotice, 'listings' | 'suspects' | 'unseen' | 'eventAtMs'>,
    mark: bigint,
  ): void;
  /** Tells what need not wait. To be called once all of a batch was noted. */
  flush(): void;
  /** The smallest mark of what was noted and is still to be told. */
  mark(): bigint | undefined;
  /** Forgets what is to be told: everybody starts anew. */
  clear(): void;
  close(): void;
}

export interface FeedCoalescerParts {
  readonly clock: Clock;
  readonly windowMs: number;
  /** Several services that are told of in one turn come in one call. */
  readonly tell: (folded: readonly FoldedService[]) => void;
}

interface Pending {
  readonly told: ListedProvider | undefined;
  now: ListedProvider | undefined;
  cause: LeaveCause | undefined;
}

interface Window {
  readonly service: string;
  readonly pending: Map<string, Pending>;
  suspects: boolean;
  unseen: boolean;
  /** undefined: nothing is to be told. */
  mark: bigint | undefined;
  eventAtMs: number | undefined;
  /** What comes in has to wait for its end. */
  isOpen: boolean;
  timer: Timer | undefined;
}

export function feedCoalescer(parts: FeedCoalescerParts): FeedCoalescer {
  const { clock, windowMs } = parts;
  const windows = new Map<string, Window>();
  /** Those in which something is to be told. */
  const dirty = new Set<Window>();

  const windowOf = (service: string): Window => {
    const known = windows.get(service);
    if (known !== undefined) return known;
    const made: Window = {
      service,
      pending: new Map(),
      suspects: false,
      unseen: false,
      mark: undefined,
      eventAtMs: undefined,
      isOpen: false,
      timer: undefined,
    };
    windows.set(service, made);
    return made;
  };

  const soil = (service: string, mark: bigint, eventAtMs: number | undefined): Window => {
    const window = windowOf(service);
    window.mark ??= mark;
    window.eventAtMs ??= eventAtMs;
    dirty.add(window);
    return window;
  };

  const fold = (window: Window): FoldedService => {
    const changes = [...window.pending].map(([id, change]) => ({ id, ...change }));
    const { service, suspects, unseen, eventAtMs } = window;
    window.pending.clear();
    window.eventAtMs = undefined;
    window.suspects = false;
    window.unseen = false;
    window.mark = undefined;
    dirty.delete(window);
    return { service, eventAtMs, changes, suspects, unseen };
  };

  /** Sets the end of a window that was opened. */
  const wind = (window: Window): void => {
    window.timer = clock.after(windowMs, () => end(window), { unref: true });
  };

  const end = (window: Window): void => {
    window.isOpen = false;
    window.timer = undefined;
    if (dirty.has(window)) tellAll([window]);
    else windows.delete(window.service);
  };

  /** What comes in from now on waits for the end of its window. The telling itself does not wait for timers to be set. */
  const tellAll = (ready: readonly Window[]): void => {
    const folded = ready.map(fold);
    for (const window of ready) {
      window.isOpen = windowMs > 0;
      if (!window.isOpen) windows.delete(window.service);
    }
    try {
      parts.tell(folded);
    } finally {
      for (const window of ready) if (windows.get(window.service) === window) wind(window);
    }
  };

  return {
    note({ listings, suspects, unseen, eventAtMs }, mark) {
      for (const { service, id, before, after, cause } of listings) {
        const { pending } = soil(service, mark, eventAtMs);
        const known = pending.get(id);
        if (known === undefined) pending.set(id, { told: before, now: after, cause });
        else {
          known.now = after;
          known.cause = cause;
        }
      }
      for (const service of suspects) soil(service, mark, eventAtMs).suspects = true;
      if (unseen === 'all') return;
      for (const service of unseen) soil(service, mark, eventAtMs).unseen = true;
    },
    flush() {
      const ready = [...dirty].filter(({ isOpen }) => !isOpen);
      if (ready.length > 0) tellAll(ready);
    },
    mark() {
      let smallest: bigint | undefined;
      for (const { mark } of dirty) {
        if (mark !== undefined && (smallest === undefined || mark < smallest)) smallest = mark;
      }
      return smallest;
    },
    clear() {
      for (const window of [...dirty]) fold(window);
    },
    close() {
      for (const { timer } of windows.values()) timer?.cancel();
      windows.clear();
      dirty.clear();
    },
  };
}
