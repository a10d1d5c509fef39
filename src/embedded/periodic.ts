import type { Clock } from '../kernel/clock.ts';

/** Calls `run` every `everyMs`, with the time at which it should have been called; returns what ends it. */
export function periodic(clock: Clock, everyMs: number, run: (dueMs: number) => void): () => void {
  const next = (): (() => void) => {
    const dueMs = clock.nowMs() + everyMs;
    const fire = (): void => {
      stop = next();
      run(dueMs);
    };
    return clock.after(everyMs, fire, { unref: true }).cancel;
  };
  let stop = next();
  return () => stop();
}
