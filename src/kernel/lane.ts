/** Runs what it is given one after another, in order. A failure reaches its caller and does not stop the lane. */
export interface Lane {
  <T>(work: () => Promise<T> | T): Promise<T>;
  /** Resolves when all that was given so far has ended, failed or not. */
  idle(): Promise<void>;
}

export function lane(): Lane {
  let tail: Promise<unknown> = Promise.resolve();
  const run = <T>(work: () => Promise<T> | T): Promise<T> => {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  };
  const idle = async (): Promise<void> => {
    await tail;
  };
  return Object.assign(run, { idle });
}

/**
 * At most one run under way and at most one waiting: calls during a run fold into the one that follows it.
 * For "something changed, look again": the last call is always followed by a whole run.
 */
export function latest(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again: Promise<void> | undefined;
  const start = (): Promise<void> => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    // between the end of a run and the beginning of the one that follows, nothing runs, and yet nothing may begin
    if (again !== undefined) return again;
    if (running === undefined) return start();
    again = running
      .catch(() => undefined)
      .then(() => {
        again = undefined;
        return start();
      });
    return again;
  };
}
