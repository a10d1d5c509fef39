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
  /** undefined when the client sent no `If-None-Match`. */
  readonly matches: ((etag: string) => boolean) | undefined;
  /** Calls `wake` whenever what `read` gives may be another one; the returned function ends that. */
  readonly subscribe: (wake: () => void) => () => void;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export interface PollAnswer {
  readonly answer: Encoded;
  /** The answer may be older than what the client has. */
  readonly reset: boolean;
}

export interface Polls {
  /**
   * What the poll is to be answered (`decidePoll`); a promise when it has to wait for that, at the latest for `waitMs` or until the
   * daemon shuts down. It is rejected with ABORTED when the client goes away.
   *
   * @throws RollcallError LIMIT_REACHED when too many requests are held already.
   */
  wait(options: PollOptions): PollAnswer | Promise<PollAnswer>;
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

  const look = (options: PollOptions, waitLeftMs: number): PollAnswer | undefined => {
    const { requested, read, matches } = options;
    const answer = read();
    const decision = decidePoll({
      requested,
      published: answer.index,
      etagMatches: matches?.(answer.etag),
      waitLeftMs: closed ? 0 : waitLeftMs,
    });
    return decision === 'wait' ? undefined : { answer, reset: decision === 'answer-reset' };
  };

  const hold = (options: PollOptions): Promise<PollAnswer> => {
    const untilMs = clock.nowMs() + options.waitMs;
    const { promise, resolve, reject } = deferred<PollAnswer>();
    const lookWith = (waitLeftMs: number): void => {
      try {
        const answer = look(options, waitLeftMs);
        if (answer !== undefined) resolve(answer);
      } catch (error) {
        reject(error);
      }
    };
    const waiter: Waiter = { look: () => lookWith(untilMs - clock.nowMs()) };
    waiters.add(waiter);
    const unsubscribe = options.subscribe(() => wake(waiter));
    // A timer may fire a little before the clock says so, and nobody would look again.
    const timer = clock.after(options.waitMs, () => lookWith(0), { unref: true });
    const forget = onAbort(options.signal, () => reject(abortedError('the request')));
    const letGo = (): void => {
      forget();
      timer.cancel();
      unsubscribe();
      woken.delete(waiter);
      waiters.delete(waiter);
    };
    promise.then(letGo, letGo);
    // The very promise: each one after it would put off the answer.
    return promise;
  };

  return {
    wait(options) {
      const answer = look(options, options.waitMs);
      if (answer !== undefined) return answer;
      if (waiters.size >= maxWaiting) {
        throw new RollcallError(
          'LIMIT_REACHED',
          `${maxWaiting} requests are being held already: ask again without index, or later`,
        );
      }
      return hold(options);
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
