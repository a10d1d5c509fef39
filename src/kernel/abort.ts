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

/** Calls `undo` when `signal` aborts (at once if it has); the returned function takes the listener away again. */
export function onAbort(signal: AbortSignal, undo: () => void): () => void {
  if (signal.aborted) {
    undo();
    return () => undefined;
  }
  signal.addEventListener('abort', undo, { once: true });
  return () => signal.removeEventListener('abort', undo);
}

export function abortedError(what: string): RollcallError {
  return new RollcallError('ABORTED', `${what} was given up`);
}
