import type { Timer } from './clock.ts';

/** Calls `run` in the next turn of the event loop, after the I/O that is waiting now. For long work done in slices. */
export function nextTurn(run: () => void): Timer {
  const handle = setImmediate(run);
  return { cancel: () => clearImmediate(handle) };
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => void nextTurn(resolve));
}
