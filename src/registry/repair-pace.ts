import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

/** So many repairs in a row are made at once; then somebody fights us, and each further round waits longer. */
const AT_ONCE = 3;
const CALM_AFTER_MS = 10_000;
const LONGEST_WAIT_MS = 5_000;

/** Resolves when the next repair may be made. Two programs that undo each other's work thus do not load ZooKeeper. */
export function repairPace(clock: Clock, random: Random): (signal: AbortSignal) => Promise<void> {
  let count = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  return async signal => {
    const nowMs = clock.nowMs();
    count = nowMs - lastMs > CALM_AFTER_MS ? 1 : count + 1;
    lastMs = nowMs;
    const over = count - AT_ONCE;
    if (over <= 0) return;
    await clock.sleep(backoffMs(over, random(), { capMs: LONGEST_WAIT_MS }), signal);
  };
}
