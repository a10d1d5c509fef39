import { abortable } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, isAbort } from '../kernel/errors.ts';
import { latest } from '../kernel/lane.ts';

/** What the sidecar needs of an announcement; a `Registration` is one. */
export interface Announced {
  update(change: { readonly status: 'up' | 'down' }): Promise<unknown>;
  drain(): Promise<unknown>;
  close(): Promise<void>;
}

export interface PresenceOptions {
  /** Announces the provider; resolves when it is visible, which may take as long as ZooKeeper is away. */
  readonly announce: (status: 'up' | 'down', signal: AbortSignal) => Promise<Announced>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

/** Whether and how the provider is listed. Wishes come at any time; the last one counts. */
export interface Presence {
  want(status: 'up' | 'down'): void;
  /** Says that the provider is about to leave, if it is listed; waits at most `limitMs` for that. Later wishes are not heard. */
  drain(limitMs: number): Promise<void>;
  /** Takes the provider off the list (draining first, then gone); waits at most `limitMs`. */
  leave(limitMs: number): Promise<void>;
}

export function presence({ announce, clock, random, say }: PresenceOptions): Presence {
  const over = new AbortController();
  let wanted: 'up' | 'down' | undefined;
  let shown: 'up' | 'down' | undefined;
  let announced: Announced | undefined;
  let leaving = false;
  let lastProblem = '';
  let applying: Promise<void> = Promise.resolve();

  const applyOnce = async (): Promise<void> => {
    const status = wanted;
    if (status === undefined || status === shown || leaving) return;
    if (announced === undefined) announced = await announce(status, over.signal);
    else await announced.update({ status });
    shown = status;
    lastProblem = '';
  };
  const apply = latest(async () => {
    for (let attempt = 0; !leaving; attempt += 1) {
      try {
        return await applyOnce();
      } catch (error) {
        if (over.signal.aborted || isAbort(error)) return;
        const problem = errorText(error);
        if (problem !== lastProblem) say(`cannot announce it: ${problem}; trying again`);
        lastProblem = problem;
        await clock
          .sleep(backoffMs(attempt, random(), { capMs: 10_000 }), over.signal)
          .catch(() => undefined);
      }
    }
  });
  const within = async (work: Promise<unknown>, limitMs: number, what: string): Promise<void> => {
    const limit = new AbortController();
    const timer = clock.after(limitMs, () => limit.abort(new Error(`${what} took too long`)));
    try {
      await abortable(work, limit.signal);
    } catch (error) {
      say(`${errorText(error)}: ZooKeeper removes the registration when the session ends`);
    } finally {
      timer.cancel();
    }
  };
  /** Whoever leaves before it has drained (a Ctrl-C ends the program, too) drains in leaving, and speaks for itself. */
  const drained = async (listed: Announced): Promise<void> => {
    try {
      await listed.drain();
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
  };
  return {
    want(status) {
      wanted = status;
      if (!leaving) applying = apply();
    },
    async drain(limitMs) {
      leaving = true;
      if (announced === undefined) over.abort();
      else await within(drained(announced), limitMs, 'draining');
    },
    async leave(limitMs) {
      leaving = true;
      over.abort();
      const close = async (): Promise<void> => {
        await applying; // an announcement under way may have made its node
        await announced?.close();
      };
      await within(close(), limitMs, 'leaving');
    },
  };
}
