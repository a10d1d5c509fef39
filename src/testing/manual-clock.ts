import { setImmediate as nextTurn } from 'node:timers/promises';
import { deferred, onAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /**
   * Moves the time on by `ms`, firing each timer at its own moment, in order; what a timer set off runs (promises, immediates)
   * before the next one fires. Timers that were added on the way fire too when they are due.
   */
  advance(ms: number): Promise<void>;
  /** Moves the time on without firing timers, as after a pause of the process: the next `advance` (also of 0) fires what is overdue. */
  jump(ms: number): void;
  /** Sets the wall clock alone, as an administrator would. */
  setWallMs(ms: number): void;
  readonly pendingTimers: number;
}

export interface ManualClockOptions {
  /** Default 0. */
  readonly nowMs?: number;
  /** Default 2026-01-01T00:00:00Z. */
  readonly wallMs?: number;
}

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

export function manualClock(options: ManualClockOptions = {}): ManualClock {
  let now = options.nowMs ?? 0;
  let wallOffset = (options.wallMs ?? Date.UTC(2026, 0, 1)) - now;
  let order = 0;
  const timers = new Set<Pending>();

  const nextDue = (untilMs: number): Pending | undefined =>
    [...timers]
      .filter(timer => timer.dueMs <= untilMs)
      .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];

  const after: Clock['after'] = (delayMs, fire) => {
    const timer = { dueMs: now + Math.max(0, delayMs), order: order++, fire };
    timers.add(timer);
    return { cancel: () => void timers.delete(timer) };
  };

  return {
    nowMs: () => now,
    wallMs: () => now + wallOffset,
    after,
    async sleep(delayMs, signal) {
      signal?.throwIfAborted();
      const slept = deferred<void>();
      const timer = after(delayMs, slept.resolve);
      const forget = signal && onAbort(signal, () => slept.reject(signal.reason));
      try {
        await slept.promise;
      } finally {
        forget?.();
        timer.cancel();
      }
    },
    async advance(ms) {
      const until = now + ms;
      await nextTurn();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.dueMs);
        timer.fire();
        await nextTurn();
      }
      now = Math.max(now, until);
    },
    jump(ms) {
      now += ms;
    },
    setWallMs(ms) {
      wallOffset = ms - now;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}
