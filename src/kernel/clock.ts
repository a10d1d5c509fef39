import { setTimeout as sleepFor } from 'node:timers/promises';

/** A timer that can be cancelled; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time, handed in. Tests hand in a manual one. */
export interface Clock {
  /** Monotonic milliseconds (fractions included), from an arbitrary beginning. */
  nowMs(): number;
  /** Milliseconds since 1970, for what people read. It may jump. */
  wallMs(): number;
  /** Calls `fire` once, after `delayMs`. Does not keep the process alive when `unref`. */
  after(delayMs: number, fire: () => void, options?: { readonly unref?: boolean }): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Node refuses longer delays and fires them at once: we cap instead. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, fire, options) {
    const handle = setTimeout(fire, Math.min(Math.max(0, delayMs), MAX_DELAY_MS));
    if (options?.unref === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  async sleep(delayMs, signal) {
    signal?.throwIfAborted();
    try {
      await sleepFor(
        Math.min(Math.max(0, delayMs), MAX_DELAY_MS),
        undefined,
        signal ? { signal } : {},
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
