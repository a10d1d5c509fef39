/** A stack of undo steps: whoever acquires pushes the release on the next line. */
export interface Releasers extends AsyncDisposable {
  push(release: () => Promise<void> | void): void;
  /** Runs every step, last first, also when some fail; idempotent. Rejects with the failure, or an AggregateError of several. */
  release(): Promise<void>;
}

export function releasers(): Releasers {
  const steps: (() => Promise<void> | void)[] = [];
  let releasing: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'several things failed to close');
  };
  const release = (): Promise<void> => (releasing ??= runAll());
  return { push: step => void steps.push(step), release, [Symbol.asyncDispose]: release };
}
