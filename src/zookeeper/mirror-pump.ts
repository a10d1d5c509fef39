import { backoffMs } from '../kernel/backoff.ts';
import type { Timer } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import type { MirrorParts } from './mirror-parts.ts';
import type { Note } from './mirror-pending.ts';
import type { Found } from './mirror-reads.ts';
import { readsFor, settle } from './mirror-settle.ts';
import type { WatchStrategy } from './mirror-strategy.ts';

/** Reads under way at once: the next is on the wire while the answer to one is applied. */
const WINDOW = 4;
/** Most changes of one batch: a listener's work on it should take a few milliseconds. */
const BATCH_NOTES = 500;

/** Reads what events announced: at once when little is under way, together when much has come in. */
export interface MirrorPump {
  /** Something was noted. Reads begin when what is noted in the same turn has been noted too. */
  wake(): void;
  /** An event was noted. Its read begins at once when nothing is under way; those that come with it are read together. */
  heard(): void;
  /** After a re-read the copy is complete: reads go on until `signal` aborts. What was under way before must have ended. */
  resume(strategy: WatchStrategy, signal: AbortSignal): void;
  /** Resolves when no read is under way. */
  idle(): Promise<void>;
}

interface Running {
  readonly strategy: WatchStrategy;
  readonly signal: AbortSignal;
}

/** @param settled called after each read that was applied. */
export function mirrorPump(parts: MirrorParts, settled: () => void): MirrorPump {
  const { pending, sizes, delivery, logger } = parts;
  const flights = new Set<Promise<void>>();
  let running: Running | undefined;
  let awake = false;
  let failures = 0;
  let retry: Timer | undefined;

  const wake = (): void => {
    if (awake) return;
    awake = true;
    queueMicrotask(() => {
      awake = false;
      dispatch();
    });
  };

  const dispatch = (): void => {
    if (running === undefined || running.signal.aborted || retry !== undefined) return;
    while (flights.size < WINDOW && pending.queued > 0) {
      const notes = takeNotes(running.strategy);
      const flight = fly(notes, running).finally(() => {
        flights.delete(flight);
        wake();
      });
      flights.add(flight);
    }
  };

  const takeNotes = ({ readItems }: WatchStrategy): readonly Note[] => {
    const most = Math.max(
      1,
      Math.min(BATCH_NOTES, readItems, Math.floor(parts.batchBytes / sizes.nodeBytes())),
    );
    const notes: Note[] = [];
    while (notes.length < most) {
      const note = pending.take();
      if (note === undefined) break;
      notes.push(note);
    }
    return notes;
  };

  const fly = async (notes: readonly Note[], { strategy, signal }: Running): Promise<void> => {
    const items = readsFor(notes, strategy.goneBy);
    let found: readonly Found[];
    try {
      found = await strategy.read(items, signal);
      signal.throwIfAborted();
    } catch (error) {
      for (const note of notes) pending.putBack(note);
      if (!signal.aborted) pause(error, signal);
      return;
    }
    failures = 0;
    sizes.learn(found);
    const watermarkBefore = parts.mark.value();
    const edit = parts.tree.edit();
    settle(parts, strategy, notes, items, found, edit);
    delivery.deliver(edit, {
      reason: reasonOf(notes),
      watermarkBefore,
      eventAtMs: firstEventMs(notes),
    });
    parts.trust.settled(parts.mark.pendingMark);
    delivery.touch();
    settled();
  };

  /** The connection seems to stand, and yet a read failed as a whole. */
  const pause = (error: unknown, signal: AbortSignal): void => {
    logger.warn(
      { error: errorText(error) },
      'the mirror could not read what has changed, and tries again',
    );
    retry?.cancel();
    retry = parts.clock.after(
      backoffMs(failures, parts.random()),
      () => {
        retry = undefined;
        if (!signal.aborted) wake();
      },
      { unref: true },
    );
    failures += 1;
  };

  return {
    wake,
    heard() {
      if (flights.size === 0 && !awake) dispatch();
      else wake();
    },
    resume(strategy, signal) {
      running = { strategy, signal };
      retry?.cancel();
      retry = undefined;
      wake();
    },
    async idle() {
      retry?.cancel();
      await Promise.allSettled(flights);
    },
  };
}

function reasonOf(notes: readonly Note[]): 'watch' | 'audit' {
  return notes.every(note => note.reason === 'audit') ? 'audit' : 'watch';
}

function firstEventMs(notes: readonly Note[]): number | undefined {
  return notes.reduce<number | undefined>((first, { eventAtMs }) => {
    if (eventAtMs === undefined) return first;
    return first === undefined || eventAtMs < first ? eventAtMs : first;
  }, undefined);
}
