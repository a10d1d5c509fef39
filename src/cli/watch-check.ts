import type { Clock } from '../kernel/clock.ts';
import { probe, type Target } from './probe.ts';
import { nextVerdict, NO_VERDICT, type Thresholds } from './verdict.ts';

export interface CheckPlan extends Thresholds {
  readonly target: Target;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * Tries the target again and again until `signal` aborts. Until the first success it is tried four times a second, so that a
 * program is announced as soon as it is ready.
 *
 * @param onVerdict called at each turn of the verdict, with the reason of a failure.
 */
export async function watchCheck(
  plan: CheckPlan,
  clock: Clock,
  signal: AbortSignal,
  onVerdict: (passing: boolean, reason: string) => void,
): Promise<void> {
  let verdict = NO_VERDICT;
  while (!signal.aborted) {
    const reason = await probeInTime(plan, clock, signal);
    if (signal.aborted) return;
    const before = verdict.passing;
    verdict = nextVerdict(verdict, reason === undefined, plan);
    if (verdict.passing !== undefined && verdict.passing !== before) {
      onVerdict(verdict.passing, reason ?? '');
    }
    const waitMs = verdict.passing === undefined ? Math.min(250, plan.intervalMs) : plan.intervalMs;
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

async function probeInTime(
  { target, timeoutMs }: CheckPlan,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = new AbortController();
  const timer = clock.after(timeoutMs, () => limit.abort());
  try {
    return await probe(target, AbortSignal.any([limit.signal, signal]));
  } finally {
    timer.cancel();
  }
}
