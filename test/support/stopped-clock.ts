import { type Clock, systemClock, type Timer } from '../../src/kernel/clock.ts';

/** The system's clock as a process sees it that SIGSTOP can hold: time goes on meanwhile, timers fire late, all at once. */
export interface StoppableClock extends Clock {
  stop(): void;
  go(): void;
}

export function stoppableClock(): StoppableClock {
  let isStopped = false;
  const late = new Set<() => void>();
  return {
    nowMs: systemClock.nowMs,
    wallMs: systemClock.wallMs,
    sleep: systemClock.sleep,
    after(delayMs, fire, options): Timer {
      const onTime = (): void => {
        if (isStopped) late.add(fire);
        else fire();
      };
      const timer = systemClock.after(delayMs, onTime, options);
      return {
        cancel() {
          late.delete(fire);
          timer.cancel();
        },
      };
    },
    stop() {
      isStopped = true;
    },
    go() {
      isStopped = false;
      for (const fire of [...late]) fire();
      late.clear();
    },
  };
}
