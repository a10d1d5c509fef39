/** A set of listeners. One that throws does not keep the others from being called. */
export interface Listeners<T> {
  /** Adds a listener; the returned function removes it. The same function added twice is called twice. */
  add(listener: (value: T) => void): () => void;
  emit(value: T): void;
  readonly size: number;
}

/** @param onError told of each listener that threw. */
export function listeners<T>(onError: (error: unknown) => void): Listeners<T> {
  const entries = new Set<{ readonly listener: (value: T) => void }>();
  return {
    add(listener) {
      const entry = { listener };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(value) {
      for (const entry of [...entries]) {
        if (!entries.has(entry)) continue;
        try {
          entry.listener(value);
        } catch (error) {
          onError(error);
        }
      }
    },
    get size() {
      return entries.size;
    },
  };
}
