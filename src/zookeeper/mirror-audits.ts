import { setMaxListeners } from 'node:events';
import { abortable, abortedError, type Deferred, deferred } from '../kernel/abort.ts';
import type { Timer } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { auditTree } from './mirror-audit.ts';
import type { MirrorParts } from './mirror-parts.ts';
import type { WatchStrategy } from './mirror-strategy.ts';

/** Between windows of 32 requests of a timed audit: about 300 a second. */
const TIMED_PAUSE_MS = 100;

/** When audits run: by the clock, and on demand. */
export interface MirrorAudits {
  /** The copy is complete until `signal` aborts. */
  live(strategy: WatchStrategy, signal: AbortSignal): void;
  /** Notes have been settled. */
  settled(): void;
  /** One audit; resolves when what it found has been repaired. Waits for a complete copy, and begins again when the connection goes. */
  run(signal: AbortSignal | undefined): Promise<number>;
  close(): void;
  idle(): Promise<void>;
}

export interface AuditsOptions {
  /** 0: only on demand. */
  readonly everyMs: number;
  /** Something was noted for repair. */
  readonly noted: () => void;
}

interface Live {
  readonly strategy: WatchStrategy;
  readonly signal: AbortSignal;
}

export function mirrorAudits(parts: MirrorParts, options: AuditsOptions): MirrorAudits {
  const { pending, clock, random, logger } = parts;
  const running = new Set<Promise<void>>();
  const closed = new AbortController();
  let live: Live | undefined;
  let becameLive = deferred<void>();
  let repaired: Deferred<void> | undefined;
  let timer: Timer | undefined;

  const whenLive = async (signal: AbortSignal): Promise<Live> => {
    for (;;) {
      if (live !== undefined && !live.signal.aborted) return live;
      await abortable(becameLive.promise, signal);
    }
  };

  const allRepaired = async (signal: AbortSignal): Promise<void> => {
    while (pending.repairs > 0) {
      repaired ??= deferred();
      await abortable(repaired.promise, signal);
    }
  };

  /** Begins again when the connection goes. What it had found then is counted: a note or the re-read repairs it. */
  const audit = async (pauseMs: number, signal: AbortSignal): Promise<number> => {
    let total = 0;
    const found = (differences: number): void => {
      total += differences;
      options.noted();
    };
    try {
      for (;;) {
        const { strategy, signal: ofCopy } = await whenLive(signal);
        try {
          const either = AbortSignal.any([signal, ofCopy]);
          setMaxListeners(0, either);
          await auditTree(parts, strategy, pauseMs, either, found);
          return total;
        } catch (error) {
          signal.throwIfAborted();
          if (!ofCopy.aborted) throw error;
        }
      }
    } finally {
      if (total > 0) report(total);
    }
  };

  const auditNow = async (signal: AbortSignal): Promise<number> => {
    const differences = await audit(0, signal);
    await allRepaired(signal);
    return differences;
  };

  const report = (differences: number): void => {
    parts.options.metrics?.drift(differences);
    logger.warn(
      { differences },
      'the mirror differed from ZooKeeper although no event had come; it is repaired',
    );
  };

  const track = <T>(work: Promise<T>): Promise<T> => {
    const ended = work.then(
      () => void running.delete(ended),
      () => void running.delete(ended),
    );
    running.add(ended);
    return work;
  };

  const timed = async (): Promise<void> => {
    try {
      await track(audit(TIMED_PAUSE_MS, closed.signal));
    } catch (error) {
      if (!closed.signal.aborted)
        logger.warn({ error: errorText(error) }, 'an audit of the mirror failed');
    }
    schedule();
  };

  const schedule = (): void => {
    if (options.everyMs <= 0 || closed.signal.aborted) return;
    timer = clock.after(options.everyMs * (0.5 + random()), () => void timed(), { unref: true });
  };

  const settled = (): void => {
    if (pending.repairs > 0) return;
    repaired?.resolve();
    repaired = undefined;
  };

  return {
    live(strategy, signal) {
      const isFirst = live === undefined;
      live = { strategy, signal };
      becameLive.resolve();
      becameLive = deferred();
      settled(); // the whole re-read may have done what was to be repaired, or made it void
      if (isFirst) schedule();
    },
    settled,
    run: signal => {
      const either =
        signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
      return track(auditNow(either));
    },
    close() {
      timer?.cancel();
      closed.abort(abortedError('the audit of a closed mirror'));
    },
    idle: async () => void (await Promise.all(running)),
  };
}
