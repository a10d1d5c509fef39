import type { StopSignal } from './terminal.ts';

/** Long enough for a busy machine; nobody who means a second Ctrl-C is that quick, and a third one is there for who is. */
const ECHO_MS = 500;

/**
 * A listener that is not told twice of one Ctrl-C: the terminal sends SIGINT to npm and to us, and npm passes its own on to us
 * (so it is with SIGTERM, from whoever ends a whole group of processes). Without it, every other Ctrl-C under `npm start` would be
 * taken for the second one, which ends things at once. A hang-up is passed on by nobody.
 */
export function withoutEcho(
  nowMs: () => number,
  listener: (signal: StopSignal) => void,
): (signal: StopSignal) => void {
  const heardAtMs = new Map<StopSignal, number>();
  return signal => {
    const before = heardAtMs.get(signal) ?? Number.NEGATIVE_INFINITY;
    const now = nowMs();
    if (signal !== 'SIGHUP' && now - before < ECHO_MS) return;
    heardAtMs.set(signal, now);
    listener(signal);
  };
}
