/** What the processes of the `visible` bench tell each other. Times are wall-clock milliseconds with fractions. */
export type ObserverMessage =
  | { readonly kind: 'ready'; readonly url?: string }
  | {
      readonly kind: 'seen';
      readonly by: string;
      readonly id: string;
      readonly present: boolean;
      readonly atMs: number;
    };

export type ProviderMessage = {
  readonly kind: 'announced';
  readonly sessionId: string;
  readonly id: string;
};

/** Tells the parent; a process without a parent has nobody to tell. */
export function tell(message: ObserverMessage | ProviderMessage): void {
  process.send?.(message);
}

/** The same once the work at hand is done: telling the bench is no part of what is measured, and must not hold up what follows. */
export function tellAfterwards(message: ObserverMessage): void {
  setImmediate(() => tell(message));
}

/** What the processes of the `embedded` bench tell. */
export interface ServerMessage {
  readonly connectString: string;
  /** The start, from the call until it served. */
  readonly tookMs: number;
}

export interface LoadMessage {
  readonly createsPerS: number;
  readonly readsPerS: number;
  /** The median from a write to the watcher's callback. */
  readonly watchMs: number;
}
