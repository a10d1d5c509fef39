import { oldestOf } from '../oldest.ts';

/** A service's flap score: how often one id came back or went again within the window. */
export interface Flaps {
  /**
   * Takes in a join or a leave. It counts as a flap when the same id's last leave (for a join) or join (for a leave) lies
   * within the window: one start and, much later, one stop are none; a restart is one or two.
   */
  record(service: string, id: string, kind: 'joined' | 'left', nowMs: number): void;
  /** Flaps within the window that ends now. */
  score(service: string, nowMs: number): number;
  /** Forgets what left the window, and returns the services whose score fell by it. */
  expire(nowMs: number): readonly string[];
  /** How many ids and flaps are remembered, for the bound. */
  readonly size: number;
}

export interface FlapOptions {
  /** Default 10 minutes. */
  readonly windowMs?: number;
  /** How many ids are remembered over all services, and of how many services flaps; the longest untouched go first. Default 100 000. */
  readonly maxIds?: number;
  /** The highest score that is told apart for a service. Default 1 000. */
  readonly maxScore?: number;
}

export const FLAP_WINDOW_MS = 10 * 60_000;

interface Last {
  readonly kind: 'joined' | 'left';
  readonly atMs: number;
}

export function flapWindow(options: FlapOptions = {}): Flaps {
  const { windowMs = FLAP_WINDOW_MS, maxIds = 100_000, maxScore = 1_000 } = options;
  /** In the order of the last touch, so that the oldest is the first key. */
  const lasts = new Map<string, Last>();
  const oldestLast = oldestOf(lasts);
  /** In the order of the last flap. */
  const flaps = new Map<string, number[]>();
  const oldestFlaps = oldestOf(flaps);

  const touch = (key: string, last: Last): void => {
    lasts.delete(key);
    lasts.set(key, last);
    const oldest = lasts.size > maxIds ? oldestLast() : undefined;
    if (oldest !== undefined) lasts.delete(oldest);
  };

  const trim = (service: string, nowMs: number): boolean => {
    const times = flaps.get(service);
    if (times === undefined) return false;
    const live = times.findIndex(atMs => nowMs - atMs < windowMs);
    if (live === 0) return false;
    if (live === -1) flaps.delete(service);
    else times.splice(0, live);
    return true;
  };

  return {
    record(service, id, kind, nowMs) {
      const key = `${service}/${id}`;
      const before = lasts.get(key);
      touch(key, { kind, atMs: nowMs });
      if (before === undefined || before.kind === kind || nowMs - before.atMs >= windowMs) return;
      const times = flaps.get(service) ?? [];
      times.push(nowMs);
      if (times.length > maxScore) times.shift();
      flaps.delete(service);
      flaps.set(service, times);
      const oldest = flaps.size > maxIds ? oldestFlaps() : undefined;
      if (oldest !== undefined) flaps.delete(oldest);
    },
    score(service, nowMs) {
      trim(service, nowMs);
      return flaps.get(service)?.length ?? 0;
    },
    expire(nowMs) {
      for (const [key, last] of lasts) {
        if (nowMs - last.atMs < windowMs) break;
        lasts.delete(key);
      }
      return [...flaps.keys()].filter(service => trim(service, nowMs));
    },
    get size() {
      let count = lasts.size;
      for (const times of flaps.values()) count += times.length;
      return count;
    },
  };
}
