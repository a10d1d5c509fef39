import type { Clock, Timer } from '../kernel/clock.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { FeedSubscriber } from './feed-subscriber.ts';

/** Hands batches to many subscribers, a few milliseconds' worth in one turn of the event loop. */
export interface FeedFanOut {
  add(subscriber: FeedSubscriber): void;
  /** These have something to do; those that fit into this turn's slice are served before it returns. */
  serve(subscribers: Iterable<FeedSubscriber>): void;
  remove(subscriber: FeedSubscriber): void;
  close(): void;
}

/** @param onFailed told of a subscriber that cannot be served, and of why. */
export function feedFanOut(
  clock: Clock,
  sliceMs: number,
  onFailed: (subscriber: FeedSubscriber, error: unknown) => void,
): FeedFanOut {
  const ready = new Set<FeedSubscriber>();
  let scheduled: Timer | undefined;
  let isRunning = false;

  const schedule = (): void => {
    scheduled ??= nextTurn(() => {
      scheduled = undefined;
      run();
    });
  };

  const run = (): void => {
    isRunning = true;
    try {
      serveSome();
    } finally {
      isRunning = false;
    }
    if (ready.size > 0) schedule();
  };

  /** Those that have more to do than one step come again after the others. */
  const serveSome = (): void => {
    const untilMs = clock.nowMs() + sliceMs;
    for (const subscriber of ready) {
      ready.delete(subscriber);
      try {
        if (subscriber.step()) ready.add(subscriber);
      } catch (error) {
        onFailed(subscriber, error);
      }
      if (clock.nowMs() >= untilMs) break;
    }
  };

  return {
    add(subscriber) {
      ready.add(subscriber);
      schedule();
    },
    serve(subscribers) {
      for (const subscriber of subscribers) ready.add(subscriber);
      if (!isRunning && scheduled === undefined) run();
    },
    remove: subscriber => void ready.delete(subscriber),
    close() {
      scheduled?.cancel();
      ready.clear();
    },
  };
}
