import { RollcallError } from './errors.ts';

/** The last option of everything that waits. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** A promise and its two ends (`Promise.withResolvers` is missing on Node 20). */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Waits for `work` until `signal` aborts; then rejects with the signal's reason. `work` itself goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // One promise and one hop: every request to ZooKeeper passes here.
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason));
    work.then(
      value => {
        forget();
        resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

/** What is to be undone when a signal aborts. */
const undoings = new WeakMap<AbortSignal, Set<{ readonly undo: () => void }>>();

/**
 * Calls `undo` when `signal` aborts (at once if it has); the returned function takes it back. `undo` must not throw.
 *
 * The signal itself has one listener, however many wait for it: every request to ZooKeeper comes and goes here, and an event target
 * takes longer for that than the request for being encoded.
 */
export function onAbort(signal: AbortSignal, undo: () => void): () => void {
  if (signal.aborted) {
    undo();
    return () => undefined;
  }
  const waiting = undoings.get(signal) ?? listenOnce(signal);
  const entry = { undo };
  waiting.add(entry);
  return () => void waiting.delete(entry);
}

function listenOnce(signal: AbortSignal): Set<{ readonly undo: () => void }> {
  const waiting = new Set<{ readonly undo: () => void }>();
  undoings.set(signal, waiting);
  const undoAll = (): void => {
    for (const entry of waiting) {
      waiting.delete(entry);
      entry.undo();
    }
  };
  signal.addEventListener('abort', undoAll, { once: true });
  return waiting;
}

export function abortedError(what: string): RollcallError {
  return new RollcallError('ABORTED', `${what} was given up`);
}
