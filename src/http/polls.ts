import { abortedError, deferred, onAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { Encoded } from './encoded.ts';
import { decidePoll } from './poll-decision.ts';

export interface PollOptions {
  readonly requested: bigint;
  readonly waitMs: number;
  /** What would be sent now. */
  readonly read: () => Encoded;
  readonly watermark: () => bigint;
  /** undefined when the client sent no `If-None-Match`. */
  readonly matches: ((etag: string) => boolean) | undefined;
  /** Calls `wake` whenever what `read` gives may be another one; the returned function ends that. */
  readonly subscribe: (wake: () => void) => () => void;
  /** The same for the watermark, which moves all the time: only who is above this replica waits for it. */
  readonly subscribeWatermark: (wake: () => void) => () => void;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export interface PollAnswer {
  readonly answer: Encoded;
  /** The answer is older than what the client has. */
  readonly reset: boolean;
}

export interface Polls {
  /**
   * Resolves when the poll is to be answered (`decidePoll`), at the latest after `waitMs`, or when the daemon shuts down.
   *
   * @throws RollcallError LIMIT_REACHED when too many requests are held already, ABORTED when the client went away.
   */
  wait(options: PollOptions): Promise<PollAnswer>;
  /** Answers everyone who waits, and from now on at once. */
  close(): void;
  readonly waiting: number;
}

/** How many held requests are answered in one turn of the event loop, so that one change does not stall everything else. */
const ANSWERS_PER_TURN = 128;

interface Waiter {
  /** Looks again, and lets the request go when it is to be answered. */
  look(): void;
}

type Look =
  | ({ readonly done: true } & PollAnswer)
  /** `isAbove`: the client knows more than is published here. */
  | { readonly done: false; readonly isAbove: boolean };

export function createPolls(clock: Clock, maxWaiting: number): Polls {
  const waiters = new Set<Waiter>();
  const woken = new Set<Waiter>();
  let sweeping = false;
  let closed = false;

  const sweep = (): void => {
    let left = ANSWERS_PER_TURN;
    for (const waiter of woken) {
      if (left-- === 0) {
        nextTurn(sweep);
        return;
      }
      woken.delete(waiter);
      waiter.look();
    }
    sweeping = false;
  };

  const wake = (waiter: Waiter): void => {
    woken.add(waiter);
    if (sweeping) return;
    sweeping = true;
    sweep();
  };

  const look = (options: PollOptions, waitLeftMs: number): Look => {
    const { requested, read, watermark, matches } = options;
    const answer = read();
    const decision = decidePoll({
      requested,
      published: answer.index,
      watermark: watermark(),
      etagMatches: matches?.(answer.etag),
      waitLeftMs: closed ? 0 : waitLeftMs,
    });
    if (decision === 'wait') return { done: false, isAbove: answer.index < requested };
    return { done: true, answer, reset: decision === 'answer-reset' };
  };

  const hold = async (options: PollOptions, isAbove: boolean): Promise<PollAnswer> => {
    const untilMs = clock.nowMs() + options.waitMs;
    const done = deferred<PollAnswer>();
    let endWatermark: (() => void) | undefined;
    const followWatermark = (): void => {
      endWatermark ??= options.subscribeWatermark(() => wake(waiter));
    };
    const lookWith = (waitLeftMs: number): void => {
      try {
        const seen = look(options, waitLeftMs);
        if (seen.done) done.resolve(seen);
        else if (seen.isAbove) followWatermark();
      } catch (error) {
        done.reject(error);
      }
    };
    const waiter: Waiter = { look: () => lookWith(untilMs - clock.nowMs()) };
    waiters.add(waiter);
    const unsubscribe = options.subscribe(() => wake(waiter));
    if (isAbove) followWatermark();
    // A timer may fire a little before the clock says so, and nobody would look again.
    const timer = clock.after(options.waitMs, () => lookWith(0), { unref: true });
    const forget = onAbort(options.signal, () => done.reject(abortedError('the request')));
    try {
      return await done.promise;
    } finally {
      forget();
      timer.cancel();
      unsubscribe();
      endWatermark?.();
      woken.delete(waiter);
      waiters.delete(waiter);
    }
  };

  return {
    async wait(options) {
      const seen = look(options, options.waitMs);
      if (seen.done) return seen;
      if (waiters.size >= maxWaiting) {
        throw new RollcallError(
          'LIMIT_REACHED',
          `${maxWaiting} requests are being held already: ask again without index, or later`,
        );
      }
      return hold(options, seen.isAbove);
    },
    close() {
      closed = true;
      for (const waiter of [...waiters]) wake(waiter);
    },
    get waiting() {
      return waiters.size;
    },
  };
}
