import { abortable, type Deferred, deferred } from '../kernel/abort.ts';

/** Counts what is asked for, and lets callers wait until that much was reached. */
export interface Settlement {
  /** The newest that was asked for. */
  readonly asked: number;
  ask(): void;
  /** Resolves when what is asked for now, or something newer, was reached. */
  wait(signal: AbortSignal | undefined): Promise<void>;
  reached(upTo: number): void;
  /** Rejects all who wait now. */
  failed(error: unknown): void;
}

export function settlement(): Settlement {
  let asked = 0;
  let waiters: readonly { readonly for: number; readonly done: Deferred<void> }[] = [];
  return {
    get asked() {
      return asked;
    },
    ask() {
      asked += 1;
    },
    wait(signal) {
      const done = deferred<void>();
      waiters = [...waiters, { for: asked, done }];
      return abortable(done.promise, signal);
    },
    reached(upTo) {
      const reached = waiters.filter(waiter => waiter.for <= upTo);
      waiters = waiters.filter(waiter => waiter.for > upTo);
      for (const { done } of reached) done.resolve();
    },
    failed(error) {
      const rejected = waiters;
      waiters = [];
      for (const { done } of rejected) {
        done.promise.catch(() => undefined); // whoever gave up waiting does not listen any more
        done.reject(error);
      }
    },
  };
}
